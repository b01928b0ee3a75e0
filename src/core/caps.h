/* core/caps.h - capability sets as Docker's CapAdd and CapDrop describe them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CAPS_DEFAULT UINT64_C(0x00000000a80425fb) /* Docker's fourteen */

/* All the running kernel knows. */
uint64_t caps_all(void);
/* Brings every name of *list to "CAP_X" ("ALL" stays); ERR_INVALID for unknown ones. field is
 * "CapAdd" or "CapDrop". */
int caps_normalise(char **list, const char *field, struct err *err);
/* The set of a container. The lists are normalised. */
uint64_t caps_effective(char *const *add, char *const *drop, bool privileged);
