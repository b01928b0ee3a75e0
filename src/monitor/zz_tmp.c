/* placeholder */ typedef int x_monitor;
