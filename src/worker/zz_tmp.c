/* placeholder */ typedef int x_worker;
