/* Elementary functions in plain C: no library, the same bits on every machine.
 *
 * Only +, -, *, /, comparisons, conversions and bit patterns are used. IEEE 754 fixes the result
 * of each of these, so WebAssembly and a native compiler agree bit for bit, as long as the compiler
 * fuses no multiply-add (-ffp-contract=off) and keeps to the rules (no -ffast-math).
 *
 * The float functions (all but pow_) choose between values and never branch, so a compiler turns a
 * loop over them into SIMD (gcc wants -fno-trapping-math for it). Each follows one plan: cut the
 * argument down to a short interval, where a polynomial is enough, then undo the cut. The polynomials
 * are our own minimax fits (Remez exchange, 40 digits); "fit" is the largest error of the polynomial
 * alone. With each function stands its largest error, in ulp (units in the last place); for functions
 * of one float it was sought over all 2^32 floats.
 *
 * NaN goes through: a comparison with NaN is false, so each limit is written such that "false"
 * keeps x. */

#ifndef LIQUIDLIB_VM_MATH_H
#define LIQUIDLIB_VM_MATH_H

#include <stdint.h>

#define INF_ __builtin_inff()
#define NAN_ __builtin_nanf("")

/* ---- bit patterns ---------------------------------------------------------------------------- */

static inline uint32_t bits(float x) { uint32_t u; __builtin_memcpy(&u, &x, 4); return u; }
static inline float from_bits(uint32_t u) { float x; __builtin_memcpy(&x, &u, 4); return x; }
static inline uint64_t bits_d(double x) { uint64_t u; __builtin_memcpy(&u, &x, 8); return u; }
static inline double from_bits_d(uint64_t u) { double x; __builtin_memcpy(&x, &u, 8); return x; }

/* 2^k, written straight into the exponent; k in -126..127 (float), -1022..1023 (double). */
static inline float power_of_2(int32_t k) { return from_bits((uint32_t)(k + 127) << 23); }
static inline double power_of_2_d(int64_t k) { return from_bits_d((uint64_t)(k + 1023) << 52); }

/* Added to a number, these leave no room for a fraction: the sum is rounded to an integer, which
 * stands in its low bits. Subtracted again, they leave that integer as a float. */
#define ROUND 12582912.0f           /* 1.5 * 2^23 */
#define ROUND_D 6755399441055744.0  /* 1.5 * 2^52 */

/* ---- exponentials ---------------------------------------------------------------------------- */

/* Split x = k ln 2 + r with |r| <= ln(2) / 2, and return exp(r) - 1 (fit 4e-10).
 * ln 2 is a sum of two floats, the first so short that its product with k is exact. */
static inline float expm1_reduced(float x, int32_t *k) {
    float shifted = x * 1.44269504f + ROUND, n = shifted - ROUND;
    *k = (int32_t)(bits(shifted) - bits(ROUND));
    float r = (x - n * 0.693145751953125f) - n * 1.42860677e-6f;
    float z = r * r, p = 1.3933486e-3f + r * 1.9909954e-4f;
    p = (0.04166648f + r * 8.333282e-3f) + z * p;
    return r + z * ((0.5f + r * 0.16666667f) + z * p);
}

/* exp(x): 1.0 ulp */
static inline float exp_(float x) {
    x = x < -104.0f ? -104.0f : x;  /* exp(-104) rounds to 0 */
    x = x > 89.0f ? 89.0f : x;      /* exp(89) overflows to inf */
    int32_t k;
    float y = 1.0f + expm1_reduced(x, &k);
    /* 2^k in two factors: k runs from -150 to 128. The first product is exact, the second rounds
     * once, also where it ends among the denormals. */
    return y * power_of_2(k >> 1) * power_of_2(k - (k >> 1));
}

/* exp(x) - 1: 1.6 ulp */
static inline float expm1_(float x) {
    float y = x < -20.0f ? -20.0f : x;
    y = y > 89.0f ? 89.0f : y;
    int32_t k;
    float p = expm1_reduced(y, &k), half = power_of_2(k - 1);  /* half of 2^k: k may be 128 */
    y = 2.0f * (half * p + (half - 0.5f));
    return __builtin_fabsf(x) < 0x1p-25f ? x : y;  /* keeps -0 and denormals */
}

/* tanh(x) = t / (t + 2) with t = exp(2x) - 1: 2.5 ulp. Taken at |x|: there t >= 0, and the
 * division only shrinks its error. */
static inline float tanh_(float x) {
    float a = __builtin_fabsf(x);
    a = a > 10.0f ? 10.0f : a;  /* tanh(10) rounds to 1 */
    int32_t k;
    float p = expm1_reduced(2.0f * a, &k), scale = power_of_2(k);
    float t = scale * p + (scale - 1.0f);
    return __builtin_copysignf(t / (t + 2.0f), x);
}

/* 1 / (1 + exp(-x)): 2.5 ulp. exp(-|x|) cannot overflow, and keeps the negative tail accurate. */
static inline float sigmoid_(float x) {
    float e = exp_(-__builtin_fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* ---- logarithms ------------------------------------------------------------------------------ */

#define SQRT_HALF_BITS 0x3F3504F3u

/* k ln 2 + log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)): f - f^2/2 + f^3 P(f) (fit 6e-9). */
static inline float log_assemble(float k, float f) {
    float z = f * f, p = (0.14180933f + f * -0.1312906f) + z * (0.12883629f + f * -0.07861191f);
    p = (0.33333316f + f * -0.2500081f) + z * ((0.20002297f + f * -0.16624501f) + z * p);
    float small = f * z * p + k * 1.42860677e-6f - 0.5f * z;
    return k * 0.693145751953125f + (f + small);
}

/* log(x): 0.9 ulp */
static inline float log_(float x) {
    int denormal = x < 0x1p-126f;
    uint32_t u = bits(denormal ? x * 0x1p23f : x) - SQRT_HALF_BITS;
    int32_t k = ((int32_t)u >> 23) - (denormal ? 23 : 0);          /* x = 2^k (1 + f) */
    float f = from_bits((u & 0x7FFFFFu) + SQRT_HALF_BITS) - 1.0f;
    float y = log_assemble((float)k, f);
    y = x < INF_ ? y : x;                                          /* inf and NaN */
    return x > 0.0f ? y : x == 0.0f ? -INF_ : NAN_;
}

/* log(1 + x): 1.5 ulp. 1 + x is rounded, so it only chooses k; f is then made from x itself:
 * 1 + f = 2^-k (1 + x), thus f = 2^-k x + (2^-k - 1). */
static inline float log1p_(float x) {
    int32_t k = (int32_t)(bits(1.0f + x) - SQRT_HALF_BITS) >> 23;
    float scale = power_of_2(2 - k);  /* four times 2^-k: k may be 128 */
    float y = log_assemble((float)k, 0.25f * (scale * x) + (0.25f * scale - 1.0f));
    y = x < INF_ ? __builtin_copysignf(y, x) : x;  /* the sign keeps -0 */
    return x > -1.0f ? y : x == -1.0f ? -INF_ : NAN_;
}

/* ---- erf ------------------------------------------------------------------------------------- */

/* erf(x): 2.0 ulp. Near 0, x + x P(x^2) (fit 8e-9). From 1.15 on, 1 - g(|x|)^4, where the polynomial
 * g fits the fourth root of 1 - erf (fit 7e-9): the root is flatter, so fewer terms are enough. */
static inline float erf_(float x) {
    float a = __builtin_fabsf(x);
    a = a > 3.93f ? 3.93f : a;  /* erf(3.93) rounds to 1 */
    float z = a * a, z2 = z * z;
    float p = (0.0051494734f + z * -7.688845e-4f) + z2 * 6.856356e-5f;
    p = (0.12837915f + z * -0.37612575f) + z2 * ((0.1128304f + z * -0.02683216f) + z2 * p);
    float g = (0.067084f + a * -0.022513123f) + z * (3.2850143e-3f + a * -1.8311257e-4f);
    g = (1.0058097f + a * -0.31000715f) + z * ((-0.061408643f + a * -0.05229562f) + z * g);
    g = g * g;
    return __builtin_copysignf(a < 1.15f ? a + a * p : 1.0f - g * g, x);
}

/* ---- sine and cosine ------------------------------------------------------------------------- */

/* Split x = k pi/2 + r with |r| <= pi/4. pi/2 is a sum of three doubles (Cody and Waite 1980), the
 * first two so short that their products with k are exact for |k| < 2^27, that is |x| < 2e8. */
static inline double quarter_turns(double x, uint32_t *k) {
    double shifted = x * 0.63661977236758134 + ROUND_D, n = shifted - ROUND_D;
    *k = (uint32_t)bits_d(shifted);
    double r = x - n * 0x1.921fb5p+0;
    r = r - n * 0x1.110b46p-26;
    return r - n * 0x1.1a62633145c07p-54;
}

/* sin(x + quarters pi/2); each quarter turn swaps the two polynomials or their sign. */
static inline float sin_shifted(float x, uint32_t quarters) {
    uint32_t k;
    double reduced = quarter_turns((double)x, &k);
    reduced = reduced > 0.7854 ? 0.7854 : reduced < -0.7854 ? -0.7854 : reduced;  /* for huge |x| */
    float r = (float)reduced, z = r * r;
    k += quarters;
    float s = r * (1.0f + z * (-0.16666655f + z * (8.332173e-3f + z * -1.9516656e-4f)));
    float c = 1.0f + z * (-0.5f + z * (0.041666646f + z * (-1.3887361e-3f + z * 2.443773e-5f)));
    return from_bits(bits(k & 1 ? c : s) ^ (k & 2) << 30);
}

/* 2.1 ulp for |x| < 2e8, 1e-6 absolute up to 1e10. Beyond, the phase fades, but the result stays
 * in [-1, 1]. */
static inline float sin_(float x) { return sin_shifted(x, 0); }
static inline float cos_(float x) { return sin_shifted(x, 1); }

/* ---- double precision, for pow_ and the normal generator ------------------------------------- */

/* exp(x): 1.5e-16 relative, as exp_ above (fit 6e-18). */
static inline double exp_d(double x) {
    x = x < -750.0 ? -750.0 : x;
    x = x > 710.0 ? 710.0 : x;
    double shifted = x * 1.4426950408889634 + ROUND_D, n = shifted - ROUND_D;
    int64_t k = (int64_t)(bits_d(shifted) - bits_d(ROUND_D));
    double r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
    double p = 2.755722538438783e-06 + r * (2.76256636686263e-07 + r * 2.5115331618931644e-08);
    p = 1.388888892768288e-03 + r * (1.9841269905616672e-04 + r * (2.4801507523215686e-05 + r * p));
    p = 0.16666666666666687 + r * (0.04166666666660187 + r * (8.333333333313644e-03 + r * p));
    p = r + r * r * (0.5 + r * p);
    return (1.0 + p) * power_of_2_d(k >> 1) * power_of_2_d(k - (k >> 1));
}

/* log(x): 1.6e-16 relative, x >= 2^-1022 or 0. With s = f / (2 + f): log(1 + f) = 2 atanh(s)
 * = f - s (f - s^2 R(s^2)) (fit 3e-18). */
static inline double log_d(double x) {
    const uint64_t sqrt_half_bits = 0x3FE6A09E667F3BCDu;
    uint64_t u = bits_d(x) - sqrt_half_bits;
    double k = (double)((int64_t)u >> 52);
    double f = from_bits_d((u & 0xFFFFFFFFFFFFFu) + sqrt_half_bits) - 1.0, s = f / (2.0 + f), z = s * s;
    double p = 0.18183483152309081 + z * (0.15315905667725254 + z * 0.14779153303386246);
    p = 0.28571428722062857 + z * (0.22222200353866215 + z * p);
    p = z * (0.6666666666666712 + z * (0.3999999999952645 + z * p));
    double y = k * 0.6931471803691238 + (f - (s * (f - p) - k * 1.9082149292705877e-10));
    y = x < (double)INF_ ? y : x;
    return x > 0.0 ? y : x == 0.0 ? -(double)INF_ : (double)NAN_;
}

/* sin(x) and cos(x) together: 1.5e-16 absolute for |x| < 2e8 (fit 4e-18). */
static inline void sincos_d(double x, double *sine, double *cosine) {
    uint32_t k;
    double r = quarter_turns(x, &k), z = r * r;
    double s = 2.7557313662052864e-06 + z * (-2.505075326380582e-08 + z * 1.5896505049205295e-10);
    s = -0.16666666666666632 + z * (8.333333333322315e-03 + z * (-1.984126982972519e-04 + z * s));
    s = r + r * z * s;
    double c = -2.755731432602985e-07 + z * (2.0875719558542285e-09 + z * -1.1359448670091814e-11);
    c = 0.0416666666666666 + z * (-1.388888888887399e-03 + z * (2.4801587289394925e-05 + z * c));
    c = 1.0 - (0.5 * z - z * z * c);
    *sine = k & 1 ? c : s;
    *cosine = k & 1 ? s : c;
    *sine = k & 2 ? -*sine : *sine;
    *cosine = (k + 1) & 2 ? -*cosine : *cosine;
}

/* x^y = exp(y log |x|) in double, then the special cases of C99 (Annex F.9.4.4): 0.51 ulp */
static inline float pow_(float x, float y) {
    if (y == 0.0f || x == 1.0f) return 1.0f;  /* also for NaN */
    if (x != x || y != y) return NAN_;
    float a = __builtin_fabsf(x), b = __builtin_fabsf(y);
    float power = a == 1.0f ? 1.0f : (float)exp_d((double)y * log_d((double)a));
    if (bits(x) >> 31 == 0) return power;
    if (b >= 0x1p24f) return power;                    /* every such y is an even integer, or inf */
    int32_t n = (int32_t)b;
    if ((float)n == b) return n & 1 ? -power : power;
    return a == 0.0f || a == INF_ ? power : NAN_;
}

#endif
