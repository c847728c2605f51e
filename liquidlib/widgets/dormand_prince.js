// An adaptive solver of y' = slope(t, y, start), y a number and start where the step begins:
// Dormand and Prince's pair of orders 5 and 4, seven slopes a step, the last of which is the next one's first.
const TIMES = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
const WEIGHTS = [ // of the slopes before, for each slope; the last row is the step itself
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const MISMATCH = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]; // order 5 less order 4
const FIRST = 1 / 64, LONGEST = 1 / 4; // steps

// Returns null where it would take more than `most` evaluations, else the times and values of its steps.
function dormandPrince(slope, y, end, tolerance, most) {
  const weighted = (weights, slopes) => weights.reduce((sum, weight, i) => sum + weight * slopes[i], 0);
  const times = [0], values = [y];
  let t = 0, step = FIRST, first = slope(0, y, 0), evaluations = 1;
  while (t < end) {
    if (evaluations + 6 > most) return null;
    const isLast = step >= end - t, h = isLast ? end - t : step, slopes = [first];
    let next = y;
    for (let i = 1; i < 7; i++) {
      next = y + h * weighted(WEIGHTS[i], slopes);
      slopes.push(slope(t + TIMES[i] * h, next, t));
    }
    evaluations += 6;
    const error = Math.abs(h * weighted(MISMATCH, slopes));
    if (error <= tolerance) {
      t = isLast ? end : t + h;
      y = next;
      first = slopes[6];
      times.push(t);
      values.push(y);
    }
    step = Math.min(LONGEST, h * clamp(0.9 * (tolerance / error) ** (1 / 5), 1 / 5, 5));
  }
  return { times, values, evaluations };
}
