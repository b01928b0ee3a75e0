/* placeholder */ typedef int x_api;
