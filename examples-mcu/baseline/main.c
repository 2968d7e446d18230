/* Counts the instructions of the textbook's losses in C, as examples-mcu/src/bin/bench.rs counts those in Rust: the
   same data, the same clock, the same lines. With -DALONE=run_cross_entropy, say, it is a firmware with that alone,
   without data and clock: its flash is what the loss takes. */
#include "textbook.h"

enum { PIXELS = 1024, MOST_CLASSES = 21, NUMBERS = 4096 };

static float scores[MOST_CLASSES * PIXELS];
static float gradient[MOST_CLASSES * PIXELS];
static float probabilities[MOST_CLASSES * PIXELS];
static uint8_t labels[PIXELS];
static struct pixel_error errors[NUMBERS];

/* What a work is done on, and what it finds. */
static volatile int pixels, classes;
static volatile float loss;

/* The works; a firmware with one alone leaves the others out. */
#pragma GCC diagnostic ignored "-Wunused-function"
static void run_empty(void) {}
static void run_cross_entropy(void) { loss = textbook_cross_entropy(scores, labels, gradient, pixels, classes); }
static void run_focal(void) { loss = textbook_focal(scores, labels, gradient, pixels, classes); }
static void run_dice(void) { loss = textbook_dice(scores, labels, gradient, probabilities, pixels, classes); }
static void run_lovasz(void)
{
    loss = textbook_lovasz(scores, labels, gradient, probabilities, errors, pixels, classes);
}
static void run_exp(void) { textbook_exp(scores, gradient, pixels); }
static void run_sort(void) { textbook_sort(errors, pixels); }

/* Semihosting: asks the emulator. */
static int ask(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(int code)
{
    const int stopped[] = {0x20026, code}; /* the application ended */
    ask(0x20, stopped);
    for (;;)
        ;
}

#ifdef ALONE

static void run(void) { ALONE(); }

#else

static void print(const char *text) { ask(0x04, text); }

static void print_number(uint32_t number)
{
    char text[11], *first = text + sizeof text - 1;
    *first = 0;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    print(first);
}

/* To seven digits after the point; not negative, below 100. */
static void print_float(float number)
{
    const uint32_t whole = (uint32_t)number;
    uint32_t fraction = (uint32_t)((number - (float)whole) * 1e7f);
    print_number(whole);
    print(".");
    for (uint32_t size = 1000000; size > 0; size /= 10) {
        const char digit[] = {(char)('0' + fraction / size), 0};
        print(digit);
        fraction %= size;
    }
}

static void fail(const char *message)
{
    print("error: ");
    print(message);
    print("\n");
    leave(1);
}

enum { SPAN = 20000000, JITTER = 2 };
static uint32_t rate = SPAN, overhead; /* ticks in SPAN instructions, and the instructions that counting takes */

static uint32_t now(void) { return *(volatile const uint32_t *)0x40028018; } /* 25 MHz */

__attribute__((noinline)) static uint32_t ticks_of_loop(uint32_t insns)
{
    const uint32_t start = now();
    uint32_t rounds = insns / 2;
    __asm__ volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(rounds) : : "cc");
    return now() - start;
}

static uint32_t insns_of(uint32_t ticks) { return (uint32_t)(((uint64_t)ticks * SPAN + rate / 2) / rate); }

__attribute__((noinline)) static uint32_t count(void (*work)(void))
{
    const uint32_t start = now();
    work();
    const uint32_t insns = insns_of(now() - start);
    return insns > overhead ? insns - overhead : 0;
}

static uint32_t difference(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

static void calibrate(void)
{
    const uint32_t brief = ticks_of_loop(1000), trial = 1555554;
    const uint32_t lengthy = ticks_of_loop(1000 + SPAN), again = ticks_of_loop(1000 + SPAN);
    if (lengthy < brief || lengthy - brief < 2 * SPAN || difference(lengthy, again) > JITTER)
        fail("instructions are counted with -icount shift=7 only");
    rate = lengthy - brief;
    overhead = count(run_empty);
    const uint32_t counted = insns_of(ticks_of_loop(trial)) - (insns_of(brief) - 1000);
    print("calibration: a loop of ");
    print_number(trial);
    print(" instructions counts ");
    print_number(counted);
    print("\n");
    if (difference(counted, trial) > JITTER || overhead > 100)
        fail("a loop of known length is counted wrong");
}

static const uint32_t PAINT = 0xcccccccc;
enum { PAINTED = 4096 }; /* words below the stack */

/* Bytes of stack that the work takes. */
__attribute__((noinline)) static uint32_t stack_of(void (*work)(void))
{
    volatile uint32_t *const top = (volatile uint32_t *)__builtin_frame_address(0) - 16, *word = top - PAINTED;
    while (word < top)
        *word++ = PAINT;
    work();
    for (word = top - PAINTED; word < top && *word == PAINT;)
        word++;
    return (uint32_t)(top + 16 - word) * 4;
}

static uint32_t state;

static uint32_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static float uniform(void) { return (float)(random_bits() >> 8) / 16777216.0f; }

static float normal(void)
{
    uint32_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += random_bits() >> 8;
    return (float)((int32_t)sum - 6 * 16777216) / 16777216.0f;
}

static void fill(void)
{
    const int number = classes;
    state = 2463534242u;
    for (int p = 0; p < PIXELS; p++) {
        const int is_background = uniform() < 0.9f;
        const uint32_t other = random_bits() >> 8;
        labels[p] = is_background ? 0 : (uint8_t)(1 + other % (uint32_t)(number - 1));
        const int is_right = uniform() < 0.85f;
        for (int c = 0; c < number; c++)
            scores[p * number + c] = 1.5f * normal();
        if (is_right)
            scores[p * number + labels[p]] += 3.0f;
    }
}

static void fill_errors(void)
{
    state = 2463534242u;
    for (int p = 0; p < pixels; p++) {
        const int is_small = uniform() < 0.9f;
        const float error = uniform();
        errors[p].error = is_small ? error * error * error : error;
        errors[p].pixel = (uint32_t)p;
    }
}

static void nothing(void) {}

static void measure(const char *name, void (*prepare)(void), void (*work)(void), uint32_t scratch)
{
    loss = 0.0f;
    prepare();
    const uint32_t stack = stack_of(work);
    prepare();
    const uint32_t insns = count(work);
    prepare();
    if (difference(insns, count(work)) > JITTER)
        fail("a work takes another number of instructions the second time");
    const uint32_t number = (uint32_t)(classes * pixels), tenths = (10 * insns + number / 2) / number;
    print("bench name=textbook-c-");
    print(name);
    print(" math=- C=");
    print_number((uint32_t)classes);
    print(" P=");
    print_number((uint32_t)pixels);
    print(" insns=");
    print_number(insns);
    print(" per_elt=");
    print_number(tenths / 10);
    print(".");
    print_number(tenths % 10);
    print(" stack=");
    print_number(stack);
    print(" scratch=");
    print_number(scratch);
    print("\n");
}

/* What the work found, to be compared with what others find. */
static void tell(const char *name)
{
    float size = 0.0f;
    for (int i = 0; i < classes * pixels; i++)
        size += gradient[i] < 0.0f ? -gradient[i] : gradient[i];
    print("result name=textbook-c-");
    print(name);
    print(" C=");
    print_number((uint32_t)classes);
    print(" P=");
    print_number((uint32_t)pixels);
    print(" loss=");
    print_float(loss);
    print(" gradient=");
    print_float(size);
    print("\n");
}

static void of_losses(int number)
{
    classes = number;
    pixels = PIXELS;
    fill();
    const uint32_t row = (uint32_t)(sizeof *probabilities * PIXELS) * (uint32_t)number;
    measure("cross-entropy", nothing, run_cross_entropy, 0);
    tell("cross-entropy");
    measure("focal", nothing, run_focal, 0);
    tell("focal");
    measure("dice", nothing, run_dice, row);
    tell("dice");
    measure("lovasz", nothing, run_lovasz, row + sizeof *errors * PIXELS);
    tell("lovasz");
}

static void of_sort(int number)
{
    classes = 1;
    pixels = number;
    measure("sort", fill_errors, run_sort, 0);
    for (int k = 0; k < number; k++)
        gradient[k] = k > 0 && errors[k].error > errors[k - 1].error ? 1e6f : errors[k].error;
    tell("sort");
}

static void run(void)
{
    calibrate();
    of_losses(4);
    of_losses(21);
    classes = 1;
    pixels = NUMBERS;
    state = 2463534242u;
    for (int i = 0; i < NUMBERS; i++)
        scores[i] = -16.0f * uniform();
    measure("exp", nothing, run_exp, 0);
    tell("exp");
    of_sort(PIXELS);
    of_sort(NUMBERS);
}

#endif

void reset(void);
extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

void reset(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xf00000; /* the floating-point unit */
    __asm__ volatile("dsb\n isb");
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    run();
    leave(0);
}

static void fault(void) { leave(103); }

__attribute__((section(".vector_table"), used)) static const void *const vectors[] = {
    stack_top, (const void *)reset, (const void *)fault, (const void *)fault,
};
