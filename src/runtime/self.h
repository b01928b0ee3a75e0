/* runtime/self.h - the monitor's own program file, which a container can get hold of.
 *
 * A process that is about to become the container's program still runs the monitor's: "/proc/self/exe" as the entry
 * point, or behind the "#!" of a script, executes that file once more, inside, and from then on whoever is in
 * the container has a name for it (CVE-2019-5736). Where it belongs to the user, as below ~/.local, root inside is
 * its owner: mode, owner and, once no monitor runs, content could be changed. */
#pragma once

/* Where that is so, executes the program again by way of a read-only view of its folder, with the same arguments and
 * descriptors; then there is nothing more to do. Comes back otherwise, also where no namespaces are to be had:
 * nothing can be started then. The caller has no threads, and has not joined a user namespace for containers yet:
 * what is executed inside of one could be looked into by who has it. */
void self_protect(char *const *argv);

/* The folder of our programs, also when it is a view's. Owned; NULL: not known. */
char *self_folder(void);
