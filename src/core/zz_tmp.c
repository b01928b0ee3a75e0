/* placeholder */ typedef int x_core;
