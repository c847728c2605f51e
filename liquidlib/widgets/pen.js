// The reader's own curve: drawn on the chart with the pointer or, point by point, with the arrow keys.

// before() gives the points to begin with; drawn(points) is called after each stroke, changed() when
// drawing begins or ends, say(words) for who cannot see the pen.
function pen(part, picture, { before, drawn, changed, say }) {
  const svg = part("chart"), button = part("draw");
  let points = null, place = null, isDown = false; // place: the point drawn last, and its value

  function turn(on) {
    points = on ? before() : null;
    place = null;
    button.setAttribute("aria-pressed", on);
    svg.classList.toggle("drawing", on);
    svg.setAttribute("role", on ? "application" : "img"); // its arrow keys are the pen's
    if (on) svg.focus();
    changed();
  }

  function stroke(to, value) { // a straight line from the pen's place
    const at = clamp(to, 0, points.length - 1), high = clamp(value, -1.2, 1.2);
    const [from, low] = place ?? [at, high], way = Math.max(1, Math.abs(at - from));
    for (let i = 0; i <= way; i++) points[Math.round(from + ((at - from) * i) / way)] = low + ((high - low) * i) / way;
    place = [at, high];
    drawn(points);
  }

  function point(event) {
    const [step, value] = picture.under(event);
    stroke(Math.round((step / VIEW) * points.length), value);
  }

  button.addEventListener("click", () => turn(!points));
  svg.addEventListener("pointerdown", (event) => {
    if (!points) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    isDown = true;
    place = null;
    point(event);
  });
  svg.addEventListener("pointermove", (event) => isDown && point(event));
  for (const type of ["pointerup", "pointercancel"]) {
    svg.addEventListener(type, () => {
      if (isDown) turn(false);
      isDown = false;
    });
  }
  svg.addEventListener("keydown", (event) => { // a point to the side, a tenth up or down
    if (!points) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (event.key === "Enter" || event.key === "Escape") {
      turn(false);
      button.focus();
    } else if (!way) return;
    else {
      const [at, value] = place ?? [0, points[0]];
      stroke(at + way[0], value + way[1]);
      say(`step ${Math.round(self.at()[0])}, ${signed(place[1], 1)}`);
    }
    event.preventDefault();
  });

  const self = {
    isOn: () => points !== null,
    at: () => place && [(place[0] * VIEW) / points.length, place[1]], // step and value of the pen
  };
  return self;
}
