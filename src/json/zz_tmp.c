/* placeholder */ typedef int x_json;
