// Settings of a playground and how they stand in an address: #play?lr=0.03&models=cfc-32,linear
// Only what differs from the playground's first settings is written. What is read is checked: an
// address comes from anywhere, and what is wrong in it is left out and named.

const LONGEST = 1000; // characters of a fragment that are read

// Why a setting's value cannot be taken, or "" if it can. value: text or what JSON holds.
function refused(name, value, { allowed, keys, points }) {
  const known = allowed[name];
  if (name === "models") return value.every((key) => keys.includes(key)) ? "" : "a model";
  if (name === "inside") return value === "" || keys.includes(value) ? "" : "a model";
  if (name === "drawn") return value === "" || (/^[\w-]*$/.test(value) && value.length === points) ? "" : "a drawing";
  if (known.one_of) return known.one_of.includes(value) ? "" : known.one_of.join(", ");
  const isFine = Number.isFinite(value) && value >= known.low && value <= known.high && (!known.whole || Number.isInteger(value));
  return isFine ? "" : `${known.low} to ${known.high}`;
}

// The name that a fragment begins with, as in "play" of "#play?lr=0.1".
const addressed = (fragment) => /^#([A-Za-z][\w-]*)(\?|$)/.exec(fragment)?.[1] ?? null;

// What a fragment says of settings: { settings, ignored: a few words for each that is wrong }.
function fromAddress(fragment, first, rules) {
  const settings = { ...first }, ignored = [], query = fragment.slice(0, LONGEST).split("?").slice(1).join("?");
  if (fragment.length > LONGEST) ignored.push("its end");
  for (const pair of query.split("&").filter(Boolean)) {
    const [name, ...rest] = pair.split("="), text = decoded(rest.join("="));
    if (!Object.hasOwn(first, name) || text === null) {
      ignored.push((decoded(name) ?? name).slice(0, 20));
      continue;
    }
    const value = typed(first[name], text);
    if (refused(name, value, rules)) ignored.push(`${name}=${text.slice(0, 20)}`);
    else settings[name] = value;
  }
  return { settings, ignored };
}

function toAddress(name, settings, first) {
  const written = Object.keys(first).filter((key) => `${settings[key]}` !== `${first[key]}`)
    .map((key) => `${key}=${encodeURIComponent(settings[key]).replaceAll("%2C", ",")}`);
  return `#${name}${written.length ? "?" : ""}${written.join("&")}`;
}

function typed(like, text) {
  if (Array.isArray(like)) return [...new Set(text.split(",").filter(Boolean))];
  if (typeof like !== "number") return text;
  return /^-?\d{1,15}(\.\d{1,17})?(e-?\d{1,2})?$/.test(text) ? Number(text) : NaN;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

// A drawn curve: 72 points of one character each, 64 levels from -1.2 to 1.2.
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LEVEL = 1.2 / 32;
const toPoints = (drawn) => [...drawn].map((letter) => +((LETTERS.indexOf(letter) - 32) * LEVEL).toFixed(4));
const fromPoints = (points) => points.map((y) => LETTERS[clamp(Math.round(y / LEVEL) + 32, 0, 63)]).join("");
// Of a whole period, straight lines between the points.
function toValues(drawn, steps) {
  const points = toPoints(drawn), spacing = steps / points.length;
  return Array.from({ length: steps }, (_, k) => {
    const at = k / spacing, i = Math.floor(at);
    return points[i] + (at - i) * (points[(i + 1) % points.length] - points[i]);
  });
}
