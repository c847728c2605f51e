// Solvers of one step of v' = push(v) - rate(v) v, for v an array: solvers.py in the page. A step
// has length 1 here: `sums(v)` returns [push, rate], two arrays that hold the step's length already.
const SOLVERS = {
  fused(sums, v) {
    const [push, rate] = sums(v);
    return v.map((x, i) => (x + push[i]) / (1 + rate[i]));
  },
  euler(sums, v) {
    const [push, rate] = sums(v);
    return v.map((x, i) => x + push[i] - rate[i] * x);
  },
  rk4(sums, v) {
    const slope = (u) => {
      const [push, rate] = sums(u);
      return u.map((x, i) => push[i] - rate[i] * x);
    };
    const along = (k, h) => v.map((x, i) => x + h * k[i]);
    const k1 = slope(v), k2 = slope(along(k1, 1 / 2)), k3 = slope(along(k2, 1 / 2)), k4 = slope(along(k3, 1));
    return v.map((x, i) => x + (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]) / 6);
  },
};
