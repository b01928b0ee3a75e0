#!/usr/bin/python3
"""Images and containers as archives: save, export, commit, diff, and what all of it takes on the disk.

usage: archives.py [REGEX]
"""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
import urllib.parse

import suite
from engine import IMAGE, make_image
from imagestore import complain_about_store, leftovers, store, tar_of
from podman import podman
from suite import Skip, case, has, same, until

# Everything a layer can tell: run by a shell in the container.
CHANGES = """
set -e
echo new >/new; echo changed >>/work/changed; rm /work/gone; rm -r /work/folder
rm -r /work/opaque; mkdir /work/opaque; echo o >/work/opaque/fresh
ln /new /hard; ln -s /new /soft; mkfifo /pipe; mkdir -p /deep/er; chmod 1777 /deep
echo x >/mode; chmod 4751 /mode; echo y >/owned; chown 33:44 /owned; touch -d @1000000000 /old
"""
# What became of it: type, mode, owner, links, size and time of everything there is.
LISTING = r"""cd /; find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc \) -prune -o \
-print0 | sort -z | xargs -0 stat -c '%n %F %a %u:%g %h %Y' | grep -v ' directory ' ; \
find work deep | sort; cat new work/changed work/opaque/fresh; readlink soft"""


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def base(e, name="base:1"):
    """The engine's image with a few files below /work, in a layer of its own."""
    files = {"work/changed": b"old\n", "work/gone": b"x", "work/folder/inner": b"x", "work/opaque/hidden": b"x",
             "work/kept": b"k"}
    with tarfile.open(e.archive) as outer:
        first = outer.extractfile(next(m for m in outer if m.name.endswith(".tar"))).read()
    path = e.root / "made.tar"
    image = make_image.make_archive(path, name, [first, tar_of(files)])
    e.load(path)
    return image


def run(e, *cmd, image=IMAGE, name=None, **config):
    """A container that has ended well; its id."""
    body = {"Image": image, "Cmd": list(cmd), "HostConfig": {"NetworkMode": "none"}} | config
    made = e.post("/containers/create" + (f"?name={name}" if name else ""), body).expect(201).json["Id"]
    e.post(f"/containers/{made}/start").expect(204)
    code = e.wait(made)
    if code:
        raise AssertionError(f"{cmd} ended with {code}: {e.logs(made)}")
    return made


def output(e, *cmd, image=IMAGE):
    made = run(e, *cmd, image=image)
    text = e.logs(made)[1].decode()
    e.delete(f"/containers/{made}").expect(204)
    return text


def commit(e, container, body=None, **query):
    return e.post("/commit?" + urllib.parse.urlencode({"container": container} | query, doseq=True),
                  body if body is not None else {}).expect(201).json["Id"]


def changes(e, container):
    return e.get(f"/containers/{container}/changes").expect(200).json


def remove(e, *images):
    for image in images:
        e.delete(f"/images/{image}?force=1").expect(200)


def members(data):
    """{name: content} of a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: tar.extractfile(m).read() if m.isfile() else None for m in tar}


def tool(e, *words, **options):
    if not shutil.which(words[0]):
        raise Skip(f"no {words[0]}")
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60,
                          env=os.environ | {"HOME": str(e.root / "home")}, **options).stdout


def docker(e, *words, **options):
    options.setdefault("text", True)
    if not shutil.which("docker"):
        raise Skip("no docker")
    return subprocess.run(["docker", *words], capture_output=True, check=True, timeout=60,
                          env=e.environment() | {"DOCKER_HOST": e.url}, **options).stdout


# ---- save

@case("a saved image is an OCI layout with Docker's manifest, its layers byte for byte the store's")
def _(e):
    image, since = base(e), time.time()
    reply = e.get("/images/base:1/get").expect(200)
    same([(x["Action"], x["id"]) for x in e.events(since, type="image")], [("save", image)])
    same(reply.headers["Content-Type"], "application/x-tar")
    files = members(reply.body)
    [listed] = json.loads(files["manifest.json"])
    [entry] = json.loads(files["index.json"])["manifests"]
    same((listed["Config"], listed["RepoTags"]), (f"blobs/sha256/{image[7:]}", ["base:1"]))
    same(entry["annotations"], {"io.containerd.image.name": "docker.io/library/base:1",
                                "org.opencontainers.image.ref.name": "1"})
    same(json.loads(files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
    same(len(files[f"blobs/sha256/{entry['digest'][7:]}"]), entry["size"])
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/sha256/") and data is not None}
    for name, data in blobs.items():
        same(digest(data)[7:], name[13:])
        same(data, (store(e) / "oci" / name).read_bytes())
    same(set(listed["Layers"]) | {listed["Config"], f"blobs/sha256/{entry['digest'][7:]}"}, set(blobs))
    same(e.get("/images/base:1/get").body, reply.body)
    remove(e, "base:1")


@case("several names make one archive with each blob once; a repository means all its tags")
def _(e):
    base(e, "many:1")
    e.post("/images/many:1/tag?repo=many&tag=2").expect(201)
    body = e.get(f"/images/get?names={IMAGE}&names=many").expect(200).body
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        names = tar.getnames()
    same(len(names), len(set(names)))
    listed = json.loads(members(body)["manifest.json"])
    same([i["RepoTags"] for i in listed], [[IMAGE], ["many:1", "many:2"]])
    same([i["RepoTags"] for i in json.loads(members(e.get("/images/many:2/get").body)["manifest.json"])],
         [["many:2"]])
    image = e.get("/images/many:1/json").json["Id"]
    same(json.loads(members(e.get(f"/images/{image}/get").body)["manifest.json"])[0]["RepoTags"], None)
    remove(e, "many:1", "many:2")


@case("what cannot be saved is told before the first byte")
def _(e):
    for path in ("/images/nosuch/get", f"/images/get?names={IMAGE}&names=nosuch"):
        same(e.get(path).expect(404).message, "No such image: nosuch:latest")
    e.get("/images/get").expect(400)
    e.get("/images/get?names=UPPER").expect(400)
    wrong = urllib.parse.quote('{"os":"linux","architecture":"s390x"}')
    has(e.get(f"/images/{IMAGE}/get?platform={wrong}").expect(404).message, "s390x")
    right = {k.lower(): e.get(f"/images/{IMAGE}/json").json[k] for k in ("Os", "Architecture")}
    e.get(f"/images/{IMAGE}/get?platform=" + urllib.parse.quote(json.dumps(right))).expect(200)
    e.get(f"/images/{IMAGE}/get?platform=linux").expect(400)


@case("what docker saved docker loads again, with its names and the same ids")
def _(e):
    base(e, "round:1")
    before = {n: e.get(f"/images/{n}/json").json["Id"] for n in ("round:1", IMAGE)}
    archive = docker(e, "save", "round:1", IMAGE, text=False)
    remove(e, "round:1")
    told = docker(e, "load", input=archive, text=False).decode()
    has(told, "Loaded image: round:1")
    same({n: e.get(f"/images/{n}/json").json["Id"] for n in ("round:1", IMAGE)}, before)
    path = e.root / "one.tar"
    docker(e, "save", "-o", str(path), "round:1")
    same(path.stat().st_size > 10000, True)
    remove(e, "round:1")
    same(complain_about_store(store(e)), [])


@case("skopeo and podman take what was saved, in both formats")
def _(e):
    image = base(e, "second:1")
    path = e.root / "saved.tar"
    path.write_bytes(e.get("/images/second:1/get").expect(200).body)
    for source in (f"docker-archive:{path}:second:1", f"oci-archive:{path}"):
        shown = json.loads(tool(e, "skopeo", "inspect", source))
        same(len(shown["Layers"]), 2)
    raw = tool(e, "skopeo", "inspect", "--config", "--raw", f"oci-archive:{path}")
    same(digest(raw.encode()), image)
    if shutil.which("podman"):
        with podman(e) as run_podman:
            has(run_podman("load", "-i", str(path)).stdout.decode(), "second:1")
    remove(e, "second:1")


@case("a client that leaves in the middle of an archive leaves nothing behind")
def _(e):
    stream = e.open("GET", f"/images/{IMAGE}/get")
    stream.read(100)
    stream.close()
    until(lambda: not [n for n in e.processes().values() if n == "dayfly-worker"])


# ---- export

@case("an export has every file of the container and none of what is mounted into it")
def _(e):
    base(e)
    (e.root / "mounted").write_text("outside")
    made = run(e, "sh", "-c", CHANGES, image="base:1",
               HostConfig={"NetworkMode": "none", "Binds": [f"{e.root}/mounted:/work/bound"]})
    since = time.time()
    reply = e.get(f"/containers/{made}/export").expect(200)
    [told] = e.events(since, type="container")
    same((told["Action"], told["id"], told["from"]), ("export", made, "base:1"))
    same(reply.headers["Content-Type"], "application/octet-stream")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        found = {m.name: m for m in tar}
        same(tar.extractfile("work/changed").read(), b"old\nchanged\n")
        same(tar.extractfile("work/bound").read(), b"")
    same((found["mode"].mode, found["owned"].uid, found["owned"].gid), (0o4751, 33, 44))
    names = {found["hard"].name: found["hard"].linkname, found["new"].name: found["new"].linkname}
    same(names, {"hard": "", "new": "hard"})
    same((found["soft"].linkname, found["pipe"].isfifo(), found["old"].mtime), ("/new", True, 1000000000))
    for gone in ("work/gone", "work/folder", "work/opaque/hidden", "proc/1", "dev/null"):
        same(gone in found, False)
    seen = e.post("/containers/create", {"Image": "base:1", "Cmd": ["true"]}).expect(201).json["Id"]
    with tarfile.open(fileobj=io.BytesIO(e.get(f"/containers/{seen}/export").expect(200).body)) as tar:
        same("work/opaque/hidden" in tar.getnames(), True)
    for c in (made, seen):
        e.delete(f"/containers/{c}").expect(204)
    remove(e, "base:1")


@case("an export of a running container lists the same files as tar inside of it")
def _(e):
    made = e.run_detached("sleep", "60", HostConfig={"NetworkMode": "none"})
    e.exec(made, "sh", "-c", "mkdir /t && echo 1 >/t/1 && rm -rf /bin/nosuch")
    _, out = e.exec(made, "sh", "-c", "find / -xdev | sort")
    inside = {p.lstrip("/") for p in out[1].decode().splitlines()} - {""}
    exported = set(members(e.get(f"/containers/{made}/export").expect(200).body))
    same({p for p in inside ^ exported if not p.startswith(("dev", "proc", "sys", "etc"))}, set())
    e.delete(f"/containers/{made}?force=1").expect(204)


@case("what was exported can be imported and run")
def _(e):
    made = run(e, "sh", "-c", "echo kept >/kept")
    body = e.get(f"/containers/{made}/export").expect(200).body
    e.post("/images/create?fromSrc=-&repo=again&tag=1", body,
           headers={"Content-Type": "application/x-tar"}).expect(200)
    same(output(e, "cat", "/kept", image="again:1"), "kept\n")
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "again:1")


# ---- commit

@case("a committed container runs again with all it had changed")
def _(e):
    base(e)
    made = run(e, "sh", "-c", CHANGES, image="base:1", name="changed")
    image = commit(e, "changed", repo="made", tag="1", author="me", comment="why")
    same(e.get("/images/made:1/json").expect(200).json["Id"], image)
    before = e.post("/containers/create", {"Image": "base:1", "Cmd": ["sh", "-c", CHANGES + LISTING]})
    e.post(f"/containers/{before.json['Id']}/start").expect(204)
    e.wait(before.json["Id"])
    strip = [l for l in e.logs(before.json["Id"])[1].decode().splitlines()]
    again = output(e, "sh", "-c", LISTING, image="made:1").splitlines()

    def stable(lines):  # times of what was made just now differ
        return [l if " 1000000000" in l else l.rsplit(" ", 1)[0] if " file " in l or " link" in l or " fifo " in l
                else l
                for l in lines if not l.startswith(("./.", "./lib/"))]
    same(stable(again), stable(strip))
    same(any(l.startswith("./mode regular file 4751") for l in again), True)
    same(output(e, "cat", "/work/kept", image="made:1"), "k")
    for c in (made, before.json["Id"]):
        e.delete(f"/containers/{c}").expect(204)
    remove(e, "made:1", "base:1")
    same(complain_about_store(store(e)), [])


@case("file capabilities survive a commit")
def _(e):
    made = e.run_detached("sleep", "60", HostConfig={"NetworkMode": "none"})
    upper = store(e) / "containers" / made / "upper"
    e.exec(made, "sh", "-c", "echo x >/tool; chmod 755 /tool")
    setcap = shutil.which("setcap") or "/usr/sbin/setcap"
    pid = e.state(made)["Pid"]
    done = subprocess.run(["nsenter", "-U", "--preserve-credentials", "-t", str(pid), setcap, "cap_net_raw+ep",
                           str(upper / "tool")], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"no capability can be set here: {done.stderr}")
    commit(e, made, repo="caps", tag="1")
    e.delete(f"/containers/{made}?force=1").expect(204)
    layer = e.get("/images/caps:1/json").json["RootFS"]["Layers"][-1]
    have = os.getxattr(store(e) / "layers" / layer[7:] / "diff/tool", "security.capability")
    same(len(have) in (20, 24), True)
    with tarfile.open(store(e) / "oci/blobs/sha256" / layer[7:]) as tar:
        same("SCHILY.xattr.security.capability" in tar.getmember("tool").pax_headers, True)
    remove(e, "caps:1")


@case("a commit's configuration is the container's with the changes and the body, by Docker's rules")
def _(e):
    made = run(e, "true", Env=["A=1", "B=2"], Labels={"a": "1"}, WorkingDir="/tmp", User="0")
    since = time.time()
    image = commit(e, made, {"Env": ["B=3"], "Labels": {"b": "2"}, "Hostname": "not-kept"}, repo="conf", tag="1",
                   changes=["CMD [\"sh\"]", "EXPOSE 80\nVOLUME /v"], comment="hello", author="me")
    shown = e.get("/images/conf:1/json").json
    config = shown["Config"]
    same((shown["Author"], shown["Comment"]), ("me", "hello"))
    same((config["Cmd"], config["Labels"], config["WorkingDir"], config["Hostname"]),
         (["sh"], {"a": "1", "b": "2"}, "/tmp", ""))
    same([v for v in config["Env"] if v[:2] in ("A=", "B=")], ["B=3", "A=1"])
    same((list(config["ExposedPorts"]), list(config["Volumes"])), (["80/tcp"], ["/v"]))
    last = e.get("/images/conf:1/history").json[0]
    same((last["Id"], last["CreatedBy"], last["Comment"], last["Size"]), (image, "true", "hello", 0))
    told = [(x["Type"], x["Action"]) for x in e.events(since)]
    same([t for t in told if t in (("image", "tag"), ("container", "commit"))],
         [("image", "tag"), ("container", "commit")])
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "conf:1")


@case("a container that changed nothing makes an image without a further layer")
def _(e):
    made = run(e, "true")
    commit(e, made, repo="empty", tag="1")
    same(e.get("/images/empty:1/json").json["RootFS"], e.get(f"/images/{IMAGE}/json").json["RootFS"])
    same(output(e, "echo", "yes", image="empty:1"), "yes\n")
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "empty:1")


@case("what cannot be committed is refused")
def _(e):
    made = run(e, "true")
    has(e.post("/commit?container=nosuch", {}).expect(404).message, "No such container: nosuch")
    e.post("/commit", {}).expect(404)
    e.post(f"/commit?container={made}&repo=UPPER", {}).expect(400)
    has(e.post(f"/commit?container={made}&changes=RUN%20x", {}).expect(400).message, "not a valid change command")
    has(e.post(f"/commit?container={made}", {"Cmd": [1]}).expect(400).message, "Cmd must be a list of strings")
    e.post(f"/commit?container={made}", b"[]", headers={"Content-Type": "application/json"}).expect(400)
    e.post(f"/commit?container={made}", b"{", headers={"Content-Type": "application/json"}).expect(400)
    e.delete(f"/containers/{made}").expect(204)
    same(leftovers(e), [])


@case("a running container is committed without stopping it, as the docker CLI asks for it")
def _(e):
    made = e.run_detached("sh", "-c", "echo 1 >/one; sleep 60", HostConfig={"NetworkMode": "none"})
    until(lambda: changes(e, made))
    told = docker(e, "commit", "-m", "note", "-a", "me", "-c", "CMD cat /one", made, "cli:1").strip()
    same(told, e.get("/images/cli:1/json").json["Id"])
    same(e.state(made)["Running"], True)
    same(docker(e, "run", "--rm", "--network", "none", "cli:1"), "1\n")
    docker(e, "commit", "--pause=false", made).strip()
    e.delete(f"/containers/{made}?force=1").expect(204)
    docker(e, "image", "prune", "-f")
    remove(e, "cli:1")


@case("a container whose image is gone cannot be committed, and says so")
def _(e):
    base(e, "short:1")
    made = run(e, "true", image="short:1")
    remove(e, "short:1")
    has(e.post(f"/commit?container={made}", {}).expect(404).message, "the container's image was removed")
    same(changes(e, made), None)
    e.get(f"/containers/{made}/export").expect(200)
    e.delete(f"/containers/{made}").expect(204)


# ---- diff

@case("docker diff tells what was added, changed and deleted, and nothing of what a start makes")
def _(e):
    base(e)
    made = run(e, "true", image="base:1")
    same(changes(e, made), None)
    e.delete(f"/containers/{made}").expect(204)
    made = run(e, "sh", "-c", CHANGES + "chmod 700 /work/kept; : >>/etc/passwd; mkdir /etc/own", image="base:1")
    found = {c["Path"]: c["Kind"] for c in changes(e, made)}
    want = {"/work": 0, "/work/changed": 0, "/work/kept": 0, "/work/gone": 2, "/work/folder": 2, "/work/opaque": 0,
            "/work/opaque/hidden": 2, "/work/opaque/fresh": 1, "/new": 1, "/hard": 1, "/soft": 1, "/pipe": 1,
            "/deep": 1, "/deep/er": 1, "/mode": 1, "/owned": 1, "/old": 1, "/etc/own": 1}
    same({p: k for p, k in found.items() if p in want}, want)
    same({p for p in found if p not in want} - {"/etc"}, set())
    same(sorted(found), list(found))
    shown = docker(e, "diff", made).splitlines()
    has(shown, "D /work/gone")
    has(shown, "C /work/changed")
    has(shown, "A /deep/er")
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "base:1")


@case("what every container finds mounted is not made in its own layer")
def _(e):
    archive = io.BytesIO()
    with open("/bin/busybox", "rb") as f, tarfile.open(fileobj=archive, mode="w") as tar:
        program = tarfile.TarInfo("busybox")
        program.size, program.mode = os.fstat(f.fileno()).st_size, 0o755
        tar.addfile(program, f)
    e.post("/images/create?fromSrc=-&repo=bare&tag=1", archive.getvalue()).expect(200)
    made = run(e, "/busybox", "sh", "-c", "/busybox stat -c '%a %n' /etc && /busybox cat /etc/hosts", image="bare:1")
    said = e.get(f"/containers/{made}/logs?stdout=1").body.decode("latin1")
    has(said, "755 /etc")
    has(said, "localhost")
    same(list((store(e) / "containers" / made / "upper").iterdir()), [])
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "bare:1")


@case("a folder in place of a file, and a file in place of a folder, are changes")
def _(e):
    base(e)
    made = run(e, "sh", "-c", "rm -r /work/folder /work/gone; echo 1 >/work/folder; mkdir -p /work/gone/in; "
               "touch /work/kept", image="base:1")
    same({c["Path"]: c["Kind"] for c in changes(e, made)},
         {"/work": 0, "/work/folder": 0, "/work/gone": 0, "/work/gone/in": 1, "/work/kept": 0})
    e.delete(f"/containers/{made}").expect(204)
    remove(e, "base:1")


# ---- the disk

def usage(e, query=""):
    return e.get(f"/system/df{query}").expect(200).json


@case("system/df counts shared layers once and every container's own files")
def _(e):
    base(e)
    # what only another user of the container's may read counts, too
    made = run(e, "sh", "-c", "mkdir /d; dd if=/dev/zero of=/d/zeros bs=1k count=100; chown -R 33 /d; chmod 700 /d",
               image="base:1")
    df = usage(e)
    images = {i["RepoTags"][0]: i for i in df["Images"]}
    same(set(images), {"base:1", IMAGE})
    same(df["LayersSize"], images["base:1"]["Size"])
    same(images[IMAGE]["SharedSize"], images[IMAGE]["Size"])
    same((images["base:1"]["Containers"], images[IMAGE]["Containers"]), (1, 0))
    [c] = df["Containers"]
    same((c["Id"], c["SizeRw"] >= 102400, c["SizeRootFs"]), (made, True, c["SizeRw"] + images["base:1"]["Size"]))
    same([x["SizeRw"] for x in e.get("/containers/json?all=1&size=1").expect(200).json], [c["SizeRw"]])
    same((df["Volumes"], df["BuildCache"]), ([], []))
    only = usage(e, "?type=image")
    same((len(only["Images"]), only["Containers"], only["Volumes"], only["BuildCache"]), (2, None, None, None))
    same(len(usage(e, "?type=container&type=volume")["Containers"]), 1)
    has(e.get("/system/df?type=nonsense").expect(400).message, "nonsense")
    shown = docker(e, "system", "df")
    has(shown, "Images")
    has(docker(e, "system", "df", "-v"), "base")
    shared = {i["Id"]: i for i in e.get("/images/json?shared-size=1").expect(200).json}
    same({i["SharedSize"] >= 0 for i in shared.values()}, {True})
    same({i["SharedSize"] for i in e.get("/images/json").json}, {-1})
    same(e.get(f"/containers/{made}/json?size=1").expect(200).json["SizeRw"], c["SizeRw"])
    e.get("/containers/nosuch/json?size=1").expect(404)
    pruned = e.post("/containers/prune").expect(200).json
    same((pruned["ContainersDeleted"], pruned["SpaceReclaimed"]), ([made], c["SizeRw"]))
    remove(e, "base:1")


@case("image prune frees what nothing uses, counts it once, and never what a container or image needs")
def _(e):
    base(e, "keep:1")
    made = run(e, "sh", "-c", "dd if=/dev/zero of=/zeros bs=1k count=50", image="keep:1")
    first = commit(e, made)
    second = commit(e, made, {"Labels": {"stage": "x"}})
    own_layer = e.get(f"/images/{second}/json").json["RootFS"]["Layers"][-1]
    user = e.post("/containers/create", {"Image": second, "Cmd": ["true"]}).expect(201).json["Id"]

    def prune(**filters):
        return e.post("/images/prune?filters=" + urllib.parse.quote(json.dumps(filters))).expect(200).json
    same(prune(label=["nosuch"])["ImagesDeleted"], None)
    same(prune(until=["1h"])["ImagesDeleted"], None)
    same(prune(**{"label!": ["stage"]}), {"ImagesDeleted": [{"Deleted": first}], "SpaceReclaimed": 0})
    same(prune()["ImagesDeleted"], None)
    e.delete(f"/containers/{user}").expect(204)
    done = prune(label=["stage=x"])
    same(done["ImagesDeleted"], [{"Deleted": second}, {"Deleted": own_layer}])
    same(51200 <= done["SpaceReclaimed"] < 60000, True)
    # the last image goes by force, its container keeps the layers
    remove(e, "keep:1")
    e.post(f"/containers/{made}/start").expect(204)
    same(e.wait(made), 0)
    e.delete(f"/containers/{made}").expect(204)
    same(complain_about_store(store(e)), [])


if __name__ == "__main__":
    suite.main()
