/* placeholder */ typedef int x_stream;
