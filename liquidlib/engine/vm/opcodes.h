/* The instructions of the VM, in the order of their numbers. liquidlib/engine/tape.py reads the
 * names out of this file, so that they stand in one place.
 *
 * Elementwise instructions: what becomes of one element a (and b, c) is the expression. A truth
 * value is 1 or 0. Comparisons are written so that NaN behaves as in PyTorch. */

#define CONTROL(X) \
  X(end)     /*                         the run is over                                      */ \
  X(train)   /*                         the run is over unless it trains                     */ \
  X(loop)    /* base start count        repeat up to `next`; count 0: the window's length    */ \
  X(next)    /* base stride             close the loop, and move a base before each repeat   */ \
  X(matmul)  /* M K N accumulate O A B  O (+)= A B; K 0: the window's length                 */

#define UNARY(X) \
  X(copy, a) \
  X(neg, -a) \
  X(abs, __builtin_fabsf(a)) \
  X(sign, (float)(a > 0) - (float)(a < 0)) \
  X(sqrt, __builtin_sqrtf(a)) \
  X(exp, exp_(a)) \
  X(expm1, expm1_(a)) \
  X(log, log_(a)) \
  X(log1p, log1p_(a)) \
  X(tanh, tanh_(a)) \
  X(sigmoid, sigmoid_(a)) \
  X(erf, erf_(a)) \
  X(sin, sin_(a)) \
  X(cos, cos_(a))

#define BINARY(X) \
  X(add, a + b) \
  X(sub, a - b) \
  X(mul, a * b) \
  X(div, a / b) \
  X(maximum, a > b || a != a ? a : b) \
  X(minimum, a < b || a != a ? a : b) \
  X(pow, pow_(a, b)) \
  X(eq, a == b) \
  X(ne, a != b) \
  X(lt, a < b) \
  X(le, a <= b) \
  X(gt, a > b) \
  X(ge, a >= b) \
  X(tanh_backward, a * (1.0f - b * b)) \
  X(sigmoid_backward, a * (1.0f - b) * b)

#define TERNARY(X) \
  X(where, a != 0 ? b : c)
