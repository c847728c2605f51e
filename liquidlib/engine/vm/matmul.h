/* Matrix products over the VM's heap: O (+)= A B, any strides, one thread.
 *
 * A network at batch 1 asks for three products, W being a matrix whose rows are contiguous:
 *   forward           y  = x W^T     dot products with the rows of W                 `dots`
 *   gradient below    dx = dy W      a sum of rows of W                              `columns`
 *   weight gradient   dW = dY^T X    a sum over a window's frames, far apart         `columns`
 * Both loops compute a small tile of O at a time, whose sums stay in registers while k runs: four
 * to eight of them, enough to hide how long an addition takes, few enough for the sixteen registers
 * that WebAssembly usually runs on. At an edge a vector is moved back until it fits, and what it
 * computes twice is not used: nothing outside is touched.
 */
#ifndef MATMUL_H
#define MATMUL_H

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4 /* WebAssembly, SSE, NEON */
#endif

/* The tile functions are inlined with constant R and C and their short loops unrolled, or the sums
 * would live in memory. */
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef int mask __attribute__((vector_size(4 * WIDTH)));
typedef float quad __attribute__((vector_size(16)));

INLINE vec load(const float *p) { vec v; __builtin_memcpy(&v, p, sizeof v); return v; }
INLINE void store(float *p, vec v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE quad load4(const float *p) { quad v; __builtin_memcpy(&v, p, sizeof v); return v; }
INLINE void store4(float *p, quad v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE int least(int a, int b) { return a < b ? a : b; }

typedef struct {
    int M, K, N, accumulate;
    float *O; int os0, os1;
    const float *A; int as0, as1;
    const float *B; int bs0, bs1;
} product;

/* Writes a tile's sums number by number, where O is strided and at its right edge. A row of sums
 * is `width` long, in pieces of `lanes`; if the edge cuts the last piece, that piece was moved
 * back to end there. */
__attribute__((noinline, cold)) static void put(const product *p, int i, int j, int rows,
                                                int width, int lanes, const float *sum) {
    int n = least(p->N - j, width), cut = n % lanes;
    for (; rows--; i++, sum += width)
        for (int c = 0; c < n; c++) {
            float *o = p->O + i * p->os0 + (j + c) * p->os1;
            *o = (p->accumulate ? *o : 0) + sum[c < n - cut ? c : c + lanes - cut];
        }
}

/* R rows by C vectors of O from (i, j) on, as numbers of A times pieces of the rows of B. */
INLINE void column_tile(const int R, const int C, const product *p, int i, int j) {
    vec sum[8] = {0};
    const float *a = p->A + i * p->as0, *b[8];
    UNROLL for (int c = 0; c < C; c++) b[c] = p->B + least(j + c * WIDTH, p->N - WIDTH);
    for (int k = 0; k < p->K; k++, a += p->as1)
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int c = 0; c < C; c++)
                sum[r * C + c] += a[r * p->as0] * load(b[c] + k * p->bs0);
    if (p->os1 == 1 && j + C * WIDTH <= p->N) {
        float *o = p->O + i * p->os0 + j;
        if (p->accumulate)
            UNROLL for (int n = 0; n < R * C; n++)
                sum[n] += load(o + n / C * p->os0 + n % C * WIDTH);
        UNROLL for (int n = 0; n < R * C; n++) store(o + n / C * p->os0 + n % C * WIDTH, sum[n]);
    } else {
        float sums[8 * WIDTH];
        UNROLL for (int n = 0; n < R * C; n++) store(sums + n * WIDTH, sum[n]);
        put(p, i, j, R, C * WIDTH, WIDTH, sums);
    }
}

/* The rows of B are contiguous: bs1 = 1, N >= WIDTH. A single row of O takes four vectors; of
 * AVX2's eight lanes, eight. */
__attribute__((noinline)) static void columns(const product *p) {
    const int C = WIDTH == 8 ? 8 : 4;
    int i = 0;
    for (; i + 4 <= p->M; i += 4)
        for (int j = 0; j < p->N; j += 2 * WIDTH) column_tile(4, 2, p, i, j);
    for (; i < p->M; i++)
        for (int j = 0; j < p->N; j += C * WIDTH) column_tile(1, C, p, i, j);
}

/* The sum over the lanes of each of four vectors: fold each to four lanes, then add neighbours
 * twice. */
INLINE quad fold(vec v) {
#if WIDTH == 16
    typedef float half __attribute__((vector_size(32)));
    half h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
           + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif WIDTH == 8
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}
INLINE quad pairs(quad a, quad b) {
    return __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
}
INLINE quad lane_sums(const vec *v) {
    quad a = pairs(fold(v[0]), fold(v[1])), b = pairs(fold(v[2]), fold(v[3]));
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* R rows by four columns of O from (i, j) on, as dot products; past the right edge the last
 * column is done again. The last vector along k ends at K, and its lanes that were already
 * counted are masked out. */
INLINE void dot_tile(const int R, const product *p, int i, int j) {
    static const int zeros_ones[2 * WIDTH] = {[WIDTH ... 2 * WIDTH - 1] = -1};
    vec sum[8] = {0};
    mask keep;
    float sums[8];
    const float *a = p->A + i * p->as0, *b[4];
    int k = 0, last = p->K - WIDTH;
    UNROLL for (int c = 0; c < 4; c++) b[c] = p->B + least(j + c, p->N - 1) * p->bs1;
    for (; k < last; k += WIDTH)
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int c = 0; c < 4; c++)
                sum[r * 4 + c] += load(a + r * p->as0 + k) * load(b[c] + k);
    __builtin_memcpy(&keep, zeros_ones + WIDTH - (k - last), sizeof keep);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < 4; c++)
            sum[r * 4 + c] += (vec)((mask)(load(a + r * p->as0 + last) * load(b[c] + last)) & keep);
    UNROLL for (int r = 0; r < R; r++) store4(sums + r * 4, lane_sums(sum + r * 4));
    if (p->os1 == 1 && j + 4 <= p->N)
        UNROLL for (int r = 0; r < R; r++) {
            float *o = p->O + (i + r) * p->os0 + j;
            store4(o, p->accumulate ? load4(o) + load4(sums + r * 4) : load4(sums + r * 4));
        }
    else put(p, i, j, R, 4, 1, sums);
}

/* The rows of A and the columns of B are contiguous: as1 = bs0 = 1, K >= WIDTH. */
__attribute__((noinline)) static void dots(const product *p) {
    int i = 0;
    for (; i + 2 <= p->M; i += 2)
        for (int j = 0; j < p->N; j += 4) dot_tile(2, p, i, j);
    for (; i < p->M; i++)
        for (int j = 0; j < p->N; j += 4) dot_tile(1, p, i, j);
}

/* K = 1, where a tile would cost more than its sums, and whatever is too small or too strided
 * for the rest. */
__attribute__((noinline, cold)) static void outer(const product *p) {
    for (int i = 0; i < p->M; i++)
        for (int k = 0; k < p->K; k++) {
            float *o = p->O + i * p->os0, a = p->A[i * p->as0 + k * p->as1];
            const float *b = p->B + k * p->bs0;
            int j = 0, add = p->accumulate || k;
            if (p->os1 == 1 && p->bs1 == 1)
                for (; j + WIDTH <= p->N; j += WIDTH)
                    store(o + j, add ? load(o + j) + a * load(b + j) : a * load(b + j));
            for (; j < p->N; j++) o[j * p->os1] = (add ? o[j * p->os1] : 0) + a * b[j * p->bs1];
        }
}

/* O[i*os0 + j*os1] (+)= sum over k of A[i*as0 + k*as1] * B[k*bs0 + j*bs1], for i < M, j < N, k <
 * K, all at least 1; with `accumulate` it adds to O, else it replaces it. O overlaps neither A
 * nor B. */
static void matmul(int M, int K, int N, int accumulate, float *O, int os0, int os1,
                   const float *A, int as0, int as1, const float *B, int bs0, int bs1) {
    int wide = bs1 == 1 && N >= WIDTH, tall = as0 == 1 && M >= WIDTH;
    product p = {M, K, N, accumulate, O, os0, os1, A, as0, as1, B, bs0, bs1};
    /* O^T = B^T A^T is the same product: take it if only it has contiguous rows, or for the
     * longer rows of O. */
    if (wide || tall ? tall && (os0 == 1 || !wide) : N < M)
        p = (product){N, K, M, accumulate, O, os1, os0, B, bs1, bs0, A, as1, as0};
    if ((wide || tall) && K > 1) columns(&p);
    else if (as1 == 1 && bs0 == 1 && K >= WIDTH) dots(&p);
    else outer(&p);
}

#endif
