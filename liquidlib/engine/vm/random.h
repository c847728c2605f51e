/* Philox 4x32-10, the same random numbers as liquidlib/philox.py.
 *
 * Number i of a stream is a fixed function of (seed, stream, i): the key is the 64-bit seed, the
 * counter is (block, 0, stream, 0), each block gives four words. `stream` is the CRC-32 of the
 * stream's name.
 *
 * Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC11. */

#ifndef LIQUIDLIB_VM_RANDOM_H
#define LIQUIDLIB_VM_RANDOM_H

#include "math.h"

/* Encrypt one counter into four random words, ten rounds. */
static inline void philox(uint32_t block, uint32_t stream, uint32_t key0, uint32_t key1,
                          uint32_t word[4]) {
    uint32_t c0 = block, c1 = 0, c2 = stream, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)p0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

/* out[0..n) = bound * uniform on [-1, 1), each 2 (word >> 8) / 2^24 - 1: exact before the product. */
static inline void draw_uniform(float *out, int n, uint32_t seed_low, uint32_t seed_high,
                                uint32_t stream, float bound) {
    for (int i = 0; i < n; i += 4) {
        uint32_t word[4];
        philox((uint32_t)i / 4, stream, seed_low, seed_high, word);
        for (int j = 0; j < 4 && i + j < n; j++)
            out[i + j] = bound * ((float)(word[j] >> 8) * 0x1p-23f - 1.0f);
    }
}

/* out[0..n) = std * normal (Box and Muller 1958), in double and rounded to float before the product:
 * the words 2i and 2i + 1 give u = (word + 1) / 2^32 and v = word / 2^32, and these give the numbers
 * sqrt(-2 ln u) times cos(2 pi v) and sin(2 pi v). */
static inline void draw_normal(float *out, int n, uint32_t seed_low, uint32_t seed_high,
                               uint32_t stream, float std) {
    for (int i = 0; i < n; i += 4) {
        uint32_t word[4];
        philox((uint32_t)i / 4, stream, seed_low, seed_high, word);
        for (int j = 0; j < 4 && i + j < n; j += 2) {
            double radius = __builtin_sqrt(-2.0 * log_d((word[j] + 1.0) * 0x1p-32)), cosine, sine;
            sincos_d(6.283185307179586 * word[j + 1] * 0x1p-32, &sine, &cosine);
            out[i + j] = std * (float)(radius * cosine);
            if (i + j + 1 < n) out[i + j + 1] = std * (float)(radius * sine);
        }
    }
}

#endif
