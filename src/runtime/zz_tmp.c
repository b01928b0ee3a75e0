/* placeholder */ typedef int x_runtime;
