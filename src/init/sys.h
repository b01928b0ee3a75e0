/* init/sys.h - system calls and the entry point without a C library. */
#pragma once

#include <stddef.h>

#if defined(__x86_64__)

static inline long sys6(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The kernel enters with argc, argv and envp on the stack. */
#define ENTRY                                                                                      \
	__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"   \
		"\tcall init_main\n\thlt\n")

#elif defined(__aarch64__)

static inline long sys6(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

#define ENTRY                                                                                      \
	__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n"             \
		"\tb init_main\n")

#elif defined(__riscv) && __riscv_xlen == 64

static inline long sys6(long nr, long a, long b, long c, long d, long e)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4)
			 : "memory");
	return a0;
}

#define ENTRY __asm__(".globl _start\n_start:\n\tmv a0, sp\n\ttail init_main\n")

#else
#error "no system call convention for this architecture"
#endif

#define sys1(nr, a)          sys6((nr), (long)(a), 0, 0, 0, 0)
#define sys2(nr, a, b)       sys6((nr), (long)(a), (long)(b), 0, 0, 0)
#define sys3(nr, a, b, c)    sys6((nr), (long)(a), (long)(b), (long)(c), 0, 0)
#define sys4(nr, a, b, c, d) sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0)
