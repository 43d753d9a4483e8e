"use strict";
// The front as an interactive plot. Selection is an event on the document ("select", detail: rank),
// so that plot, table and network view follow each other without knowing each other.
const front = JSON.parse(document.getElementById("front-data").textContent);

/** A value with the unit and decimals of its objective. */
function valueText(objective, value) {
  if (value === null) return "–";
  const digits = { minimumFractionDigits: objective.digits, maximumFractionDigits: objective.digits };
  const number = value.toLocaleString("en", digits).replace("-", "−");
  return objective.unit ? `${number} ${objective.unit}` : number;
}

/** The difference of a member to the input: per cent of what is minimised, else absolute. */
function changeText(index, member) {
  const objective = front.objectives[index];
  const [value, base] = [member.values[index], front.members[0].values[index]];
  if (member.rank === 0 || value === null || base === null) return "";
  const relative = objective.direction === "min" && base !== 0;
  const change = relative ? (100 * (value - base)) / Math.abs(base) : value - base;
  const digits = relative ? 1 : objective.digits;
  const text = (change < 0 ? "−" : "+") + Math.abs(change).toFixed(digits);
  return relative ? `${text} %` : text;
}

const memberName = (member) => (member.rank ? `Rank ${member.rank}` : "Input");

/** What the reader must know of a member, as elements; none where there is nothing. */
const warningOf = (member) => (member.warning ? [html("p", { class: "warning" }, member.warning)] : []);

function select(rank) {
  document.dispatchEvent(new CustomEvent("select", { detail: rank }));
}
function openNetwork(rank) {
  document.dispatchEvent(new CustomEvent("open", { detail: rank }));
}

// --- scales ------------------------------------------------------------------------------------

/** Round tick values between two numbers, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= 0.7 * raw) * power;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high * (1 + 1e-12); at += 1) {
    found.push({ value: at * step, text: (at * step).toFixed(decimals).replace("-", "−") });
  }
  return found;
}

/** Least and largest of numbers, widened by a share of their distance. */
function extent(values, share) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = high > low ? share * (high - low) : 0.05 * Math.abs(high) || 1;
  return [low - room, high + room];
}

/** Members that no other one beats in both objectives, from left to right. */
function stepLine(members, x, y) {
  const sign = (axis) => (front.objectives[axis].direction === "max" ? 1 : -1);
  const known = members.filter((m) => m.rank && m.values[x] !== null && m.values[y] !== null);
  const beats = (a, b) => {
    const dx = sign(x) * (a.values[x] - b.values[x]);
    const dy = sign(y) * (a.values[y] - b.values[y]);
    return dx >= 0 && dy >= 0 && dx + dy > 0;
  };
  return known
    .filter((member) => !known.some((other) => beats(other, member)))
    .sort((a, b) => a.values[x] - b.values[x]);
}

// --- the plot ----------------------------------------------------------------------------------

const STAR = "M0-9 2.6-3.2 9-2.8 4.2 1.5 5.6 7.6 0 4.3-5.6 7.6-4.2 1.5-9-2.8-2.6-3.2z";
const MARGIN = { left: 68, right: 22, top: 18, bottom: 50 };

class FrontPlot {
  constructor(host) {
    this.host = host;
    this.x = Math.max(front.objectives.findIndex((one) => one.direction === "min"), 0);
    this.y = Math.max(front.objectives.findIndex((one, i) => i !== this.x), 0);
    this.whole = false;
    this.selected = null;
    this.hidden = new Set();
    this.canvas = html("div", { class: "canvas" });
    this.card = html("div", { class: "card", hidden: "" });
    host.append(this.controls(), html("div", { class: "stage" }, this.canvas, this.card));
    host.append(this.legend());
    this.draw();
    new ResizeObserver(() => this.canvas.clientWidth !== this.width && this.draw())
      .observe(this.canvas);
  }

  controls() {
    const bar = html("div", { class: "bar" });
    for (const [axis, label] of [["y", "Vertical"], ["x", "Horizontal"]]) {
      const options = front.objectives.map((one, i) => html("option", { value: i }, one.name));
      const choose = (event) => this.choose(axis, Number(event.target.value));
      const list = html("select", { name: axis, onchange: choose }, ...options);
      list.value = this[axis];
      if (front.objectives.length > 2) bar.append(html("label", {}, `${label} `, list));
    }
    const attributes = { type: "button", class: "cloud", "aria-pressed": "false" };
    const whole = html("button", attributes, "Show all graphs scored");
    whole.addEventListener("click", () => {
      this.whole = !this.whole;
      whole.setAttribute("aria-pressed", String(this.whole));
      this.draw();
    });
    bar.append(whole);
    return bar;
  }

  /** Put an objective on an axis; the other axis gives way where it had the same one. */
  choose(axis, objective) {
    const other = axis === "x" ? "y" : "x";
    if (this[other] === objective) {
      this[other] = this[axis];
      this.host.querySelector(`select[name=${other}]`).value = this[other];
    }
    this[axis] = objective;
    this.hideCard();
    this.draw();
  }

  legend() {
    const thinned = front.visited.accepted.length < front.visited.count;
    const shown = `${front.visited.accepted.length.toLocaleString("en")} of `;
    const count = front.visited.count.toLocaleString("en");
    return html(
      "p",
      { class: "legend" },
      html("span", { class: "key front" }, "front"),
      html("span", { class: "key input" }, "input"),
      ...(front.members.some((member) => member.warning)
        ? [html("span", { class: "key doubtful" }, "outside the predictor's range")] : []),
      html("span", { class: "key accepted cloud" }, "accepted"),
      html("span", { class: "key rejected cloud" }, "not accepted"),
      html("span", { class: "cloud" }, `${thinned ? shown : ""}${count} graphs scored`),
    );
  }

  /** Members that have a value on both axes. */
  get members() {
    return front.members.filter((m) => m.values[this.x] !== null && m.values[this.y] !== null);
  }

  /** Whether the graphs that were only scored have values on both axes. */
  get isScored() {
    return Boolean(front.visited.values[this.x] && front.visited.values[this.y]);
  }

  domain(axis) {
    const own = this.members.map((member) => member.values[axis]);
    const spread = this.members.flatMap((member) => {
      const [value, s] = [member.values[axis], member.spread[axis]];
      return s === null ? [] : [value - s, value + s];
    });
    const whole = this.whole && this.isScored;
    const cloud = whole ? front.visited.values[axis].filter((value) => value !== null) : [];
    return extent([...own, ...spread, ...cloud], whole ? 0.04 : 0.14);
  }

  draw() {
    const width = this.canvas.clientWidth;
    this.width = width;
    if (!width) return;
    this.host.classList.toggle("scored", this.isScored);
    if (!this.members.length) {
      const told = "No graph has a value on both axes.";
      this.canvas.replaceChildren(html("p", { class: "empty" }, told));
      return;
    }
    const height = Math.round(Math.min(480, Math.max(300, width * 0.46)));
    const left = width < 480 ? 56 : MARGIN.left;
    const inner = { width: width - left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const [[x0, x1], [y0, y1]] = [this.domain(this.x), this.domain(this.y)];
    this.px = (value) => left + ((value - x0) / (x1 - x0)) * inner.width;
    this.py = (value) => MARGIN.top + (1 - (value - y0) / (y1 - y0)) * inner.height;
    const frame = { left, top: MARGIN.top, ...inner, x: [x0, x1], y: [y0, y1] };
    const clip = svg("clipPath", { id: "plot-area" }, this.area(frame, {}));
    const picture = svg(
      "svg",
      {
        width, height, viewBox: `0 0 ${width} ${height}`, role: "group",
        "aria-label": "Points of the front: arrow keys move, Enter shows the network",
        onpointermove: (event) => this.hover(event),
        onpointerleave: () => this.hideCard(),
        onclick: (event) => this.click(event),
        onkeydown: (event) => this.key(event),
      },
      clip, this.area(frame, { class: "sense" }), ...this.axes(frame), ...this.cloud(),
      ...this.line(), ...this.points(),
    );
    const focused = this.canvas.contains(document.activeElement)
      ? document.activeElement.dataset.rank : null;
    this.canvas.replaceChildren(picture);
    if (focused) this.point(Number(focused))?.focus();
  }

  area(frame, attributes) {
    const { left: x, top: y, width, height } = frame;
    return svg("rect", { x, y, width, height, ...attributes });
  }

  axes(frame) {
    const parts = [];
    const bottom = frame.top + frame.height;
    for (const { value, text } of ticks(...frame.x, Math.max(3, frame.width / 110))) {
      const x = this.px(value);
      parts.push(svg("path", { class: "grid", d: `M${x} ${frame.top}V${bottom}` }));
      parts.push(svg("text", { class: "tick", x, y: bottom + 18, "text-anchor": "middle" }, text));
    }
    for (const { value, text } of ticks(...frame.y, Math.max(3, frame.height / 60))) {
      const y = this.py(value);
      parts.push(svg("path", { class: "grid", d: `M${frame.left} ${y}H${frame.left + frame.width}` }));
      const at = { class: "tick", x: frame.left - 8, y: y + 4, "text-anchor": "end" };
      parts.push(svg("text", at, text));
    }
    const name = (axis) => this.axisName(front.objectives[axis]);
    const centre = frame.left + frame.width / 2;
    parts.push(svg("text", { class: "name", x: centre, y: bottom + 41, "text-anchor": "middle" }, name(this.x)));
    const turned = `translate(14 ${frame.top + frame.height / 2}) rotate(-90)`;
    parts.push(svg("text", { class: "name", transform: turned, "text-anchor": "middle" }, name(this.y)));
    return parts;
  }

  axisName({ name, unit, direction }) {
    const better = direction === "max" ? "more is better" : "less is better";
    const short = unit.endsWith(name) ? unit : unit ? `${name} in ${unit}` : name;
    return `${short} (${better})`;
  }

  /** All graphs that were scored: two paths of dots, without events. */
  cloud() {
    if (!this.isScored) return [];
    const [xs, ys] = [front.visited.values[this.x], front.visited.values[this.y]];
    return ["rejected", "accepted"].map((kind, accepted) => {
      const dots = xs.map((x, i) =>
        front.visited.accepted[i] === accepted && x !== null && ys[i] !== null
          ? `M${this.px(x).toFixed(1)} ${this.py(ys[i]).toFixed(1)}h0` : "");
      return svg("path", { class: `dots ${kind}`, d: dots.join(""), "clip-path": "url(#plot-area)" });
    });
  }

  /** The front as a staircase towards the worse side; none through values measured afterwards. */
  line() {
    const steps = stepLine(front.members, this.x, this.y);
    if (steps.length < 2 || !this.isScored) return [];
    const [first, ...rest] = steps.map((m) => [this.px(m.values[this.x]), this.py(m.values[this.y])]);
    const across = front.objectives[this.x].direction === "min";
    const data = rest.map(([x, y]) => (across ? `H${x}V${y}` : `V${y}H${x}`)).join("");
    return [svg("path", { class: "staircase", d: `M${first[0]} ${first[1]}${data}` })];
  }

  points() {
    const places = this.members.map((member) => [
      member, this.px(member.values[this.x]), this.py(member.values[this.y])]);
    const labels = this.labels(places);
    const first = this.members.some((member) => member.rank === this.selected)
      ? this.selected : this.members[0]?.rank;
    return places.reverse().map(([member, x, y]) =>
      this.pointElement(member, x, y, labels.get(member.rank), first));
  }

  /** Where ranks can be written without touching a point or another rank; the best ranks first. */
  labels(places) {
    const taken = places.map(([{ rank }, x, y]) => {
      const size = rank ? 6 : 10;
      return [x - size, x + size, y - size, y + size];
    });
    const found = new Map();
    for (const [{ rank }, x, y] of places) {
      const width = 4 + 7.5 * String(rank).length;
      const offsets = [[8, -7], [-4 - width, -7], [8, 16], [-4 - width, 16]];
      const free = offsets.find(([dx, dy]) => taken.every(([left, right, top, bottom]) =>
        x + dx > right || x + dx + width < left || y + dy - 10 > bottom || y + dy < top));
      if (!rank || !free) continue;
      found.set(rank, free);
      taken.push([x + free[0], x + free[0] + width, y + free[1] - 10, y + free[1]]);
    }
    return found;
  }

  pointElement(member, x, y, label, first) {
    const kind = member.rank ? "member" : "input";
    const state = `${this.hidden.has(member.rank) ? " faded" : ""}${member.warning ? " doubtful" : ""}`;
    const spread = member.spread[this.y];
    const values = front.objectives.map((one, i) => `${one.name} ${valueText(one, member.values[i])}`);
    const element = svg("g", {
      class: `point ${kind}${state}`, transform: `translate(${x} ${y})`, role: "button",
      tabindex: member.rank === first ? 0 : -1, "data-rank": member.rank,
      "aria-label": [`${memberName(member)}: ${values.join(", ")}`, member.warning].filter(Boolean).join(". "),
      onfocus: () => this.showCard(member), onblur: () => this.hideCard(),
    });
    if (member.rank === this.selected) element.setAttribute("aria-current", "true");
    if (spread !== null) {
      const reach = Math.abs(this.py(member.values[this.y] + spread) - y);
      const d = `M0 ${-reach}V${reach}M-4 ${-reach}H4M-4 ${reach}H4`;
      element.append(svg("path", { class: "spread", d }));
    }
    element.append(svg("circle", { class: "ring", r: 12 }));
    element.append(member.rank ? svg("circle", { class: "mark", r: 5.5 }) : svg("path", { class: "mark", d: STAR }));
    if (label) element.append(svg("text", { class: "rank", x: label[0], y: label[1] }, String(member.rank)));
    return element;
  }

  point(rank) {
    return this.canvas.querySelector(`.point[data-rank="${rank}"]`);
  }

  // --- pointer and keyboard --------------------------------------------------------------------

  /** The member nearest to a pointer event, at most 28 pixels away. */
  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = (m) => Math.hypot(this.px(m.values[this.x]) - x, this.py(m.values[this.y]) - y);
    const best = this.members.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
    return best && far(best) <= 28 ? best : null;
  }

  hover(event) {
    const member = this.nearest(event);
    this.canvas.classList.toggle("over", member !== null);
    if (member) this.showCard(member);
    else this.hideCard();
  }

  click(event) {
    const own = event.target.closest(".point");
    const member = event.detail === 0 && own
      ? front.members.find((one) => one.rank === Number(own.dataset.rank)) : this.nearest(event);
    if (!member) return;
    select(member.rank);
    openNetwork(member.rank);
  }

  key(event) {
    const current = Number(event.target.dataset.rank);
    const axis = ["ArrowUp", "ArrowDown"].includes(event.key) ? this.y : this.x;
    const order = [...this.members].sort((a, b) => a.values[axis] - b.values[axis] || a.rank - b.rank);
    const at = order.findIndex((member) => member.rank === current);
    const target = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowUp: at + 1, ArrowDown: at - 1,
      Home: 0, End: order.length - 1,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      const next = order[Math.min(Math.max(target, 0), order.length - 1)];
      select(next.rank);
      this.point(next.rank).focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      select(current);
      openNetwork(current);
    } else if (event.key === "Escape") this.hideCard();
  }

  // --- what is shown of a member ---------------------------------------------------------------

  showCard(member) {
    const rows = front.objectives.map((one, i) => html(
      "div", {}, html("dt", {}, one.name), html("dd", {}, valueText(one, member.values[i])),
      html("dd", { class: "change" }, changeText(i, member)),
    ));
    const lines = (member.summary ?? []).slice(0, 3).map((line) => html("li", {}, line));
    const more = (member.summary ?? []).length - lines.length;
    if (more > 0) lines.push(html("li", {}, `… and ${more} more`));
    this.card.replaceChildren(
      html("strong", {}, memberName(member)), ...warningOf(member), html("dl", {}, ...rows),
      ...(lines.length ? [html("ul", {}, ...lines)] : []),
      html("p", {}, "Click or Enter shows the network"),
    );
    this.card.hidden = false;
    const [x, y] = [this.px(member.values[this.x]), this.py(member.values[this.y])];
    const [width, height] = [this.card.offsetWidth, this.card.offsetHeight];
    const room = this.canvas.clientWidth;
    const across = x + 20 + width <= room ? x + 20 : x - 20 - width;
    this.card.style.left = `${Math.max(0, Math.min(across, room - width))}px`;
    this.card.style.top = `${Math.max(0, Math.min(y - 24, this.canvas.clientHeight - height))}px`;
    this.mark("near", member.rank);
  }

  hideCard() {
    this.card.hidden = true;
    this.mark("near", null);
  }

  mark(name, rank) {
    for (const point of this.canvas.querySelectorAll(".point")) {
      point.classList.toggle(name, Number(point.dataset.rank) === rank);
    }
  }

  show(rank) {
    this.selected = rank;
    for (const point of this.canvas.querySelectorAll(".point")) {
      const is = Number(point.dataset.rank) === rank;
      point.setAttribute("tabindex", is ? 0 : -1);
      if (is) point.setAttribute("aria-current", "true");
      else point.removeAttribute("aria-current");
    }
  }

  fade(ranks) {
    this.hidden = ranks;
    for (const point of this.canvas.querySelectorAll(".point")) {
      point.classList.toggle("faded", ranks.has(Number(point.dataset.rank)));
    }
  }
}

// --- plot and table follow each other ----------------------------------------------------------

{
  const plot = new FrontPlot(document.getElementById("explorer"));
  const table = document.getElementById("winners-table");
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const rank = Number(row.dataset.rank);
    const cell = row.cells[0];
    if (!cell.querySelector("a")) {
      cell.replaceChildren(html("a", { href: rank ? `#rank-${rank}` : "#input" }, cell.textContent.trim()));
    }
    row.addEventListener("click", () => select(rank));
    row.addEventListener("focusin", () => select(rank));
    row.addEventListener("pointerenter", () => plot.mark("near", rank));
    row.addEventListener("pointerleave", () => plot.mark("near", null));
  }
  document.addEventListener("select", ({ detail: rank }) => {
    plot.show(rank);
    for (const row of rows) {
      if (Number(row.dataset.rank) === rank) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  });
  table.addEventListener("filtered", () => {
    plot.fade(new Set(rows.filter((row) => row.hidden).map((row) => Number(row.dataset.rank))));
  });
}
