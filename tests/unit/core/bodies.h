/* Create requests as real clients sent them, taken off the wire; quotes as quoted() of create.h
 * has them. */
#pragma once

/* clang-format off */
/* docker 28.2.2: run --rm busybox echo hi */
static const char body_cli[] =
	"{'Hostname':'','Domainname':'','User':'','AttachStdin':false,'AttachStdout':true,'Attach"
	"Stderr':true,'Tty':false,'OpenStdin':false,'StdinOnce':false,'Env':null,'Cmd':['echo','h"
	"i'],'Image':'busybox','Volumes':{},'WorkingDir':'','Entrypoint':null,'OnBuild':null,'Lab"
	"els':{},'HostConfig':{'Binds':null,'ContainerIDFile':'','LogConfig':{'Type':'','Config':"
	"{}},'NetworkMode':'default','PortBindings':{},'RestartPolicy':{'Name':'no','MaximumRetry"
	"Count':0},'AutoRemove':true,'VolumeDriver':'','VolumesFrom':null,'ConsoleSize':[0,0],'Ca"
	"pAdd':null,'CapDrop':null,'CgroupnsMode':'','Dns':[],'DnsOptions':[],'DnsSearch':[],'Ext"
	"raHosts':null,'GroupAdd':null,'IpcMode':'','Cgroup':'','Links':null,'OomScoreAdj':0,'Pid"
	"Mode':'','Privileged':false,'PublishAllPorts':false,'ReadonlyRootfs':false,'SecurityOpt'"
	":null,'UTSMode':'','UsernsMode':'','ShmSize':0,'Isolation':'','CpuShares':0,'Memory':0,'"
	"NanoCpus':0,'CgroupParent':'','BlkioWeight':0,'BlkioWeightDevice':[],'BlkioDeviceReadBps"
	"':[],'BlkioDeviceWriteBps':[],'BlkioDeviceReadIOps':[],'BlkioDeviceWriteIOps':[],'CpuPer"
	"iod':0,'CpuQuota':0,'CpuRealtimePeriod':0,'CpuRealtimeRuntime':0,'CpusetCpus':'','Cpuset"
	"Mems':'','Devices':[],'DeviceCgroupRules':null,'DeviceRequests':null,'MemoryReservation'"
	":0,'MemorySwap':0,'MemorySwappiness':-1,'OomKillDisable':false,'PidsLimit':0,'Ulimits':["
	"],'CpuCount':0,'CpuPercent':0,'IOMaximumIOps':0,'IOMaximumBandwidth':0,'MaskedPaths':nul"
	"l,'ReadonlyPaths':null},'NetworkingConfig':{'EndpointsConfig':{'default':{'IPAMConfig':n"
	"ull,'Links':null,'Aliases':null,'MacAddress':'','DriverOpts':null,'GwPriority':0,'Networ"
	"kID':'','EndpointID':'','Gateway':'','IPAddress':'','IPPrefixLen':0,'IPv6Gateway':'','Gl"
	"obalIPv6Address':'','GlobalIPv6PrefixLen':0,'DNSNames':null}}}}";

/* docker 28.2.2: create with most options there are */
static const char body_cli_full[] =
	"{'Hostname':'','Domainname':'','User':'','AttachStdin':true,'AttachStdout':true,'AttachS"
	"tderr':true,'Tty':true,'OpenStdin':true,'StdinOnce':true,'Env':['A','B=1'],'Cmd':['sh'],"
	"'Image':'busybox','Volumes':{},'WorkingDir':'','Entrypoint':[''],'OnBuild':null,'Labels'"
	":{'l':'1'},'StopTimeout':3,'HostConfig':{'Binds':['/tmp/q:/y:ro'],'ContainerIDFile':'','"
	"LogConfig':{'Type':'','Config':{'max-size':'1m'}},'NetworkMode':'none','PortBindings':{}"
	",'RestartPolicy':{'Name':'no','MaximumRetryCount':0},'AutoRemove':false,'VolumeDriver':'"
	"','VolumesFrom':null,'ConsoleSize':[0,0],'Annotations':{'a':'b'},'CapAdd':['CAP_NET_ADMI"
	"N'],'CapDrop':['ALL'],'CgroupnsMode':'','Dns':['1.1.1.1'],'DnsOptions':[],'DnsSearch':[]"
	",'ExtraHosts':['a:1.2.3.4'],'GroupAdd':['5'],'IpcMode':'','Cgroup':'','Links':null,'OomS"
	"coreAdj':0,'PidMode':'','Privileged':false,'PublishAllPorts':false,'ReadonlyRootfs':true"
	",'SecurityOpt':['no-new-privileges'],'Tmpfs':{'/t':'size=3M'},'UTSMode':'','UsernsMode':"
	"'','ShmSize':1048576,'Sysctls':{'net.ipv4.ip_forward':'1'},'Isolation':'','CpuShares':0,"
	"'Memory':0,'NanoCpus':0,'CgroupParent':'','BlkioWeight':0,'BlkioWeightDevice':[],'BlkioD"
	"eviceReadBps':[],'BlkioDeviceWriteBps':[],'BlkioDeviceReadIOps':[],'BlkioDeviceWriteIOps"
	"':[],'CpuPeriod':0,'CpuQuota':0,'CpuRealtimePeriod':0,'CpuRealtimeRuntime':0,'CpusetCpus"
	"':'','CpusetMems':'','Devices':[],'DeviceCgroupRules':null,'DeviceRequests':null,'Memory"
	"Reservation':0,'MemorySwap':0,'MemorySwappiness':-1,'OomKillDisable':false,'PidsLimit':0"
	",'Ulimits':[{'Name':'nofile','Hard':20,'Soft':10}],'CpuCount':0,'CpuPercent':0,'IOMaximu"
	"mIOps':0,'IOMaximumBandwidth':0,'Mounts':[{'Type':'bind','Source':'/tmp','Target':'/z','"
	"ReadOnly':true},{'Type':'tmpfs','Target':'/tt','TmpfsOptions':{'SizeBytes':1048576,'Mode"
	"':1016}}],'MaskedPaths':null,'ReadonlyPaths':null,'Init':true},'NetworkingConfig':{'Endp"
	"ointsConfig':{}}}";

/* docker-py 7.1.0 */
static const char body_py[] =
	"{'Tty': false, 'OpenStdin': false, 'StdinOnce': false, 'AttachStdin': false, 'AttachStdo"
	"ut': true, 'AttachStderr': true, 'Cmd': ['echo', 'hi'], 'Image': 'busybox', 'NetworkDisa"
	"bled': false, 'HostConfig': {'NetworkMode': 'default', 'AutoRemove': true}}";
static const char body_py_bind[] =
	"{'Tty': false, 'OpenStdin': false, 'StdinOnce': false, 'AttachStdin': false, 'AttachStdo"
	"ut': true, 'AttachStderr': true, 'Env': ['A=1'], 'Cmd': ['true'], 'Image': 'busybox', 'V"
	"olumes': {'/x': {}}, 'NetworkDisabled': false, 'HostConfig': {'NetworkMode': 'none', 'Bi"
	"nds': ['/tmp:/x:ro']}}";
/* clang-format on */
