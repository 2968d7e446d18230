/* Start-up of a Cortex-M4F, and semihosting: text and exit code go to the emulator or the debugger. */
#include "board.h"
#include <stdint.h>

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };

static void ask(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void leave(int code)
{
    const int stopped[] = {APPLICATION_EXIT, code};
    for (;;)
        ask(SYS_EXIT_EXTENDED, stopped);
}

void print(const char *text) { ask(SYS_WRITE0, text); }

int main(void);
void reset(void);
extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

void reset(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xf00000; /* CPACR: the floating-point unit */
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    leave(main());
}

static void fault(void) { leave(103); }

__attribute__((section(".vector_table"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[3])(void);
} vectors = {stack_top, {reset, fault, fault}};
