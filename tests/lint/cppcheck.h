/* lint/cppcheck.h - what cppcheck 2.10 does not know by itself, put before every file it reads. */
#define __VA_OPT__(...) __VA_ARGS__
#define json_object_object_foreach(object, name, member)                                           \
	char *name = 0;                                                                            \
	struct json_object *member = 0;                                                            \
	while (json_object_object_next(object, &name, &member))
