/* A virtual machine that runs a tape: one training step of a network, lowered by liquidlib.
 *
 * All numbers are float32 on one heap. An instruction is a row of ints: its opcode, its sizes, and
 * three ints for each operand: an address and two strides. The lowest two bits of an address name
 * the base that it counts from: 0 the heap, 1 the frame of the time step that the loop is at,
 * 2 the strip of the parameters that the optimiser is at. All sizes are fixed but one: where a
 * count is 0, the window's length is meant, so that one tape serves windows of any length.
 *
 * There are no host functions: compiled to WebAssembly, the same tape gives the same bits anywhere.
 */

#include <stdint.h>

#include "math.h"
#include "matmul.h"
#include "opcodes.h"
#include "random.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name) __attribute__((visibility("default")))
#endif

#define AS_OPCODE(name, ...) op_##name,
enum opcode {
    CONTROL(AS_OPCODE) first_unary, before_unary = first_unary - 1,
    UNARY(AS_OPCODE) first_binary, before_binary = first_binary - 1,
    BINARY(AS_OPCODE) first_ternary, before_ternary = first_ternary - 1,
    TERNARY(AS_OPCODE)
};

/* Where a run stands. `run` goes on from here, so that a page can step through a tape. */
struct machine {
    int pc;        /* index of the next instruction's first int */
    int base[3];   /* heap (always 0), frame, strip */
    int loop;      /* index of the loop's first instruction */
    int remaining; /* how often the loop is still to be run, this time included */
    int window;    /* time steps in the window */
    int training;  /* 0: stop at `train`, so that the weights stay as they are */
    int budget;    /* instructions to run before a pause; negative: no pause */
};

/* Elementwise instructions work on blocks of contiguous numbers. Operands that are not contiguous
 * (strided, or one number for all) are gathered first, so that each opcode is one plain loop that
 * a compiler turns into vector code. */
enum { BLOCK = 128 };

#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

static const float *gathered(const float *x, int stride, int n, float *block) {
    if (stride == 1) return x;
    if (stride == 0)
        for (int j = 0; j < n; j++) block[j] = *x;
    else
        for (int j = 0; j < n; j++) block[j] = x[j * stride];
    return block;
}

static void apply(int opcode, int n, float *out, const float *A, const float *B, const float *C) {
#define UNARY_LOOP(name, expression) \
    case op_##name: \
        INDEPENDENT for (int j = 0; j < n; j++) { \
            float a = A[j]; \
            out[j] = (expression); \
        } \
        break;
#define BINARY_LOOP(name, expression) \
    case op_##name: \
        INDEPENDENT for (int j = 0; j < n; j++) { \
            float a = A[j], b = B[j]; \
            out[j] = (expression); \
        } \
        break;
#define TERNARY_LOOP(name, expression) \
    case op_##name: \
        INDEPENDENT for (int j = 0; j < n; j++) { \
            float a = A[j], b = B[j], c = C[j]; \
            out[j] = (expression); \
        } \
        break;
    switch (opcode) {
        UNARY(UNARY_LOOP)
        BINARY(BINARY_LOOP)
        TERNARY(TERNARY_LOOP)
    }
}

/* p: opcode n0 n1, then the result and up to three operands. Returns the instruction's length. */
static int elementwise(float *const *bases, const int *p) {
    float block[4][BLOCK];
    int operands = 1 + (p[0] >= first_binary) + (p[0] >= first_ternary), n0 = p[1], n1 = p[2];
    float *out = bases[p[3] & 3] + (p[3] >> 2);
    const float *x[3];
    int stride[3];
    for (int k = 0; k < operands; k++) {
        const int *operand = p + 6 + 3 * k;
        x[k] = bases[operand[0] & 3] + (operand[0] >> 2);
        stride[k] = operand[2];
    }
    for (int i = 0; i < n0; i++) {
        for (int start = 0; start < n1; start += BLOCK) {
            int n = n1 - start < BLOCK ? n1 - start : BLOCK;
            const float *in[3] = {0, 0, 0};
            for (int k = 0; k < operands; k++)
                in[k] = gathered(x[k] + i * p[7 + 3 * k] + start * stride[k], stride[k], n, block[k]);
            float *o = out + i * p[4] + start * p[5];
            apply(p[0], n, p[5] == 1 ? o : block[3], in[0], in[1], in[2]);
            if (p[5] != 1)
                for (int j = 0; j < n; j++) o[j * p[5]] = block[3][j];
        }
    }
    return 6 + 3 * operands;
}

/* Run until the tape ends or the budget is used up. Returns 1 if the tape has ended. */
EXPORT(run) int run(float *heap, const int *tape, struct machine *at) {
    float *bases[3];
    for (int k = 0; k < 3; k++) bases[k] = heap + at->base[k];
    while (at->budget--) {
        const int *p = tape + at->pc;
        switch (p[0]) {
            case op_end: return 1;
            case op_train:
                if (!at->training) return 1;
                at->pc += 1;
                break;
            case op_loop:
                if (p[2] >= 0) bases[p[1]] = heap + (at->base[p[1]] = p[2]);
                at->remaining = p[3] ? p[3] : at->window;
                at->loop = at->pc += 4;
                break;
            case op_next:
                if (--at->remaining) {
                    bases[p[1]] = heap + (at->base[p[1]] += p[2]);
                    at->pc = at->loop;
                } else at->pc += 3;
                break;
            case op_matmul: {
                const int *o = p + 5, *a = p + 8, *b = p + 11;
                matmul(p[1], p[2] ? p[2] : at->window, p[3], p[4],
                              bases[o[0] & 3] + (o[0] >> 2), o[1], o[2],
                              bases[a[0] & 3] + (a[0] >> 2), a[1], a[2],
                              bases[b[0] & 3] + (b[0] >> 2), b[1], b[2]);
                at->pc += 14;
                break;
            }
            default: at->pc += elementwise(bases, p);
        }
    }
    return 0;
}

EXPORT(uniform) void uniform(float *out, int n, uint32_t seed_low, uint32_t seed_high,
                                                          uint32_t stream, float bound) {
    draw_uniform(out, n, seed_low, seed_high, stream, bound);
}

EXPORT(normal) void normal(float *out, int n, uint32_t seed_low, uint32_t seed_high,
                                                      uint32_t stream, float std) {
    draw_normal(out, n, seed_low, seed_high, stream, std);
}
