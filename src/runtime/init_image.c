#include "runtime/init_image.h"

/* The program as a whole, as the build made it. */
__asm__(".section .rodata.init_image, \"a\"\n"
	".balign 16\n"
	".globl init_image\n"
	".globl init_image_end\n"
	"init_image:\n"
	".incbin \"" DAYFLY_INIT_IMAGE "\"\n"
	"init_image_end:\n"
	".previous\n");
