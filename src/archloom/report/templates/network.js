"use strict";
// One network beside the input in a dialog, from the copies of files that the page holds.

// --- copies of files ---------------------------------------------------------------------------

// A browser that cannot unpack them takes the files beside the page.
const copies = "DecompressionStream" in window
  ? JSON.parse(document.getElementById("packed").textContent) : {};

/** The content of a copied file (gzip in base64), as a response to read text or bytes from. */
function unpack(name) {
  const bytes = Uint8Array.from(atob(copies[name]), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

/** Resolves to whether the result folder lies beside the page: one of its pictures is tried. */
let folderProbe = null;
function folderIsThere() {
  folderProbe ??= new Promise((resolve) => {
    const probe = new Image();
    probe.onload = () => resolve(true);
    probe.onerror = () => resolve(false);
    probe.src = "figures/search.svg";
  });
  return folderProbe;
}

/** Give the copy of a file as a download. */
async function saveCopy(name) {
  const url = URL.createObjectURL(await unpack(name).blob());
  html("a", { href: url, download: name.split("/").pop() }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Links to files: copies come out of the page, other files only where the folder is there. */
function connectFiles(list) {
  for (const link of list.querySelectorAll("a[download]")) {
    const name = link.getAttribute("href");
    if (name in copies) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        saveCopy(name);
      });
      continue;
    }
    folderIsThere().then((there) => {
      if (there) return;
      const reason = html("small", {}, `: not beside this page (${name})`);
      link.replaceWith(html("span", { class: "missing" }, link.textContent, reason));
    });
  }
}

// --- panes -------------------------------------------------------------------------------------

/** A picture in a scrolling frame that can be zoomed and dragged. */
class Pane {
  constructor(label, picture) {
    this.picture = picture;
    const { width, height } = picture.viewBox.baseVal;
    this.size = { width, height };
    this.frame = html("div", { class: "pane", tabindex: 0, role: "region", "aria-label": label }, picture);
    this.frame.addEventListener("pointerdown", (event) => this.drag(event));
  }

  /** The scale at which the picture fits its frame. */
  get fitting() {
    return Math.min(this.frame.clientWidth / this.size.width, this.frame.clientHeight / this.size.height);
  }

  /** Draw at a scale; the point at `at` (share of the frame) keeps its place. */
  scale(factor, at = [0.5, 0.5]) {
    const frame = this.frame;
    const old = this.factor ?? factor;
    const [x, y] = [at[0] * frame.clientWidth, at[1] * frame.clientHeight];
    const [left, top] = [frame.scrollLeft + x, frame.scrollTop + y];
    this.factor = factor;
    this.picture.setAttribute("width", this.size.width * factor);
    this.picture.setAttribute("height", this.size.height * factor);
    frame.scrollTo(left * (factor / old) - x, top * (factor / old) - y);
  }

  /** Bring elements of the picture to the middle as far as the frame can scroll, or its corner. */
  begin(elements) {
    this.frame.scrollTo(0, 0);
    if (!elements.length) return;
    const boxes = elements.map((element) => element.getBoundingClientRect());
    const frame = this.frame.getBoundingClientRect();
    const middle = (low, high) =>
      (Math.min(...boxes.map((box) => box[low])) + Math.max(...boxes.map((box) => box[high]))) / 2;
    this.frame.scrollBy(
      middle("left", "right") - (frame.left + frame.right) / 2,
      middle("top", "bottom") - (frame.top + frame.bottom) / 2);
  }

  drag(event) {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    const frame = this.frame;
    const start = [event.clientX + frame.scrollLeft, event.clientY + frame.scrollTop];
    const move = (now) => frame.scrollTo(start[0] - now.clientX, start[1] - now.clientY);
    const end = () => {
      frame.removeEventListener("pointermove", move);
      frame.classList.remove("dragged");
    };
    frame.setPointerCapture(event.pointerId);
    frame.classList.add("dragged");
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", end, { once: true });
    frame.addEventListener("pointercancel", end, { once: true });
  }
}

const LEGIBLE = 0.5; // the least scale that a picture starts with

/** Panes side by side with one scale; scrolling one scrolls the others as far. */
class Viewer {
  constructor(host, zoomText) {
    this.host = host;
    this.zoomText = zoomText;
    this.panes = [];
    this.leader = null;
    host.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    host.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fits && this.fit()).observe(host);
  }

  /** Show panes, each with the elements of its picture that matter. */
  show(panes, marked) {
    this.panes = panes;
    this.host.replaceChildren(...panes.map((pane) => pane.frame));
    for (const pane of panes) {
      for (const kind of ["pointerenter", "focus", "pointerdown"]) {
        pane.frame.addEventListener(kind, () => this.lead(pane));
      }
      pane.frame.addEventListener("scroll", () => this.follow(pane));
    }
    this.fit();
    if (this.factor >= LEGIBLE) return;
    this.fits = false;
    this.set(LEGIBLE);
    panes.forEach((pane, index) => pane.begin(marked[index]));
  }

  lead(pane) {
    this.leader = pane;
    this.last = [pane.frame.scrollLeft, pane.frame.scrollTop];
  }

  follow(pane) {
    if (pane !== this.leader) return;
    const [left, top] = this.last;
    this.lead(pane);
    for (const { frame } of this.panes.filter((other) => other !== pane)) {
      frame.scrollBy(this.last[0] - left, this.last[1] - top);
    }
  }

  zoom(factor, at) {
    this.fits = false;
    this.set(Math.min(Math.max(this.factor * factor, 0.05), 4), at);
  }

  /** Show the whole pictures, at their own size at most. */
  fit() {
    this.fits = true;
    this.set(Math.min(1, ...this.panes.map((pane) => pane.fitting)));
  }

  set(factor, at) {
    this.factor = factor;
    for (const pane of this.panes) pane.scale(factor, at);
    if (this.leader) this.lead(this.leader);
    this.zoomText.value = `${Math.round(100 * factor)} %`;
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = event.target.closest(".pane").getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    this.zoom(Math.exp(-event.deltaY / 300), at);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = { "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8), 0: () => this.fit() };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }
}

// --- the dialog --------------------------------------------------------------------------------

class NetworkDialog {
  constructor(dialog) {
    this.dialog = dialog;
    this.part = (name) => dialog.querySelector(`[data-part="${name}"]`);
    this.viewer = new Viewer(this.part("panes"), this.part("zoom"));
    this.mode = "changes";
    this.rank = null;
    const actions = {
      previous: () => this.step(-1),
      next: () => this.step(1),
      close: () => dialog.close(),
      changes: () => this.choose("changes"),
      whole: () => this.choose("whole"),
      "zoom-in": () => this.viewer.zoom(1.25),
      "zoom-out": () => this.viewer.zoom(0.8),
      fit: () => this.viewer.fit(),
    };
    for (const [name, action] of Object.entries(actions)) {
      dialog.querySelector(`[data-action="${name}"]`).addEventListener("click", action);
    }
    dialog.addEventListener("close", () => this.closed());
    dialog.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("open", ({ detail }) => { location.hash = this.anchor(detail); });
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("load", () => this.follow()); // going to the address moves the focus
  }

  anchor(rank) {
    return rank ? `rank-${rank}` : "input";
  }

  /** Show the network that the address names, or none. */
  follow() {
    const member = front.members.find((one) => `#${this.anchor(one.rank)}` === location.hash);
    if (member) this.open(member);
    else if (this.dialog.open) this.dialog.close();
  }

  open(member) {
    select(member.rank);
    this.rank = member.rank;
    const source = document.getElementById(this.anchor(member.rank));
    this.part("title").textContent = memberName(member);
    this.part("facts").textContent = source?.querySelector("summary small").textContent ?? "";
    this.showValues(member);
    this.showSide(member, source);
    if (!this.dialog.open) this.dialog.showModal();
    this.showPictures(member);
  }

  showValues(member) {
    const entries = front.objectives.map((one, i) => html(
      "div", {}, html("dt", {}, one.name),
      html("dd", {}, valueText(one, member.values[i]), html("small", {}, this.versus(i, member))),
    ));
    this.part("values").replaceChildren(...entries);
  }

  versus(index, member) {
    const change = changeText(index, member);
    return change && `${change} vs input`;
  }

  /** What changed, the steps and the files: taken from the page's own text. */
  showSide(member, source) {
    const copy = (selector) => [...(source?.querySelectorAll(selector) ?? [])].map((e) => e.cloneNode(true));
    const parts = [...warningOf(member), ...copy(":scope > .told")];
    if (!source) {
      parts.push(html("p", {}, "Only the first members of the front are drawn and written as files. "
        + "A larger report.members in the settings draws this one, too."));
    }
    this.part("side").replaceChildren(...parts);
    connectFiles(this.part("side"));
  }

  choose(mode) {
    this.mode = mode;
    this.showPictures(front.members.find((one) => one.rank === this.rank));
  }

  /** Label and file of each picture that the chosen mode shows of a member. */
  pictures(member) {
    const stem = `figures/${this.anchor(member.rank).replace("-", "_")}`;
    const own = [memberName(member), `${stem}.svg`];
    if (!("before" in member)) return [own];
    if (this.mode === "changes") return [["What changed", `${stem}_changes.svg`]];
    return [["Input", "figures/input.svg"], own];
  }

  /** Show the buttons that make sense for a member. */
  showTools(member, canZoom) {
    const compared = "before" in member;
    this.part("modes").hidden = !compared;
    this.part("tools").hidden = !canZoom;
    this.part("legend").hidden = !(compared && this.mode === "whole");
    for (const mode of ["changes", "whole"]) {
      const button = this.dialog.querySelector(`[data-action="${mode}"]`);
      button.setAttribute("aria-pressed", String(mode === this.mode));
    }
  }

  async showPictures(member) {
    const wanted = this.pictures(member);
    this.wanted = wanted;
    const isCopied = wanted.every(([, file]) => file in copies);
    this.showTools(member, isCopied);
    if (!isCopied) {
      const drawn = document.getElementById(this.anchor(member.rank)) !== null;
      const links = wanted.flatMap(([, file]) => [" ", html("a", { href: file }, file)]);
      const told = drawn ? ["This page holds no copy of the picture:", ...links]
        : ["This network was not drawn."];
      this.part("panes").replaceChildren(html("p", { class: "empty" }, ...told));
      return;
    }
    const panes = await Promise.all(wanted.map(([label, file]) => this.pane(label, file)));
    if (this.wanted !== wanted) return; // other pictures were asked for meanwhile
    if (panes.length === 2) this.colour(panes, member);
    const marked = ".node rect:is(.removed, .added, .changed)";
    this.viewer.show(panes, panes.map((pane) => [...pane.picture.querySelectorAll(marked)]));
  }

  async pane(label, file) {
    const text = await unpack(file).text();
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    return new Pane(label, document.importNode(parsed, true));
  }

  /** Colour two whole networks by what changed; a node under the pointer shows its counterpart. */
  colour([before, after], member) {
    const nodes = [before, after].map((pane) => [...pane.picture.querySelectorAll("g.node")]);
    const back = new Map(member.match.map((other, node) => [other, node]));
    [member.before, member.after].forEach((status, side) => {
      nodes[side].forEach((node, index) => {
        const kind = ["kept", "removed", "added", "changed"][Number(status[index])];
        node.querySelector("rect").classList.add(kind);
        const other = nodes[1 - side][side === 0 ? member.match[index] : back.get(index)];
        if (!other) return;
        node.addEventListener("pointerenter", () => other.classList.add("counterpart"));
        node.addEventListener("pointerleave", () => other.classList.remove("counterpart"));
      });
    });
  }

  step(by) {
    const at = front.members.findIndex((member) => member.rank === this.rank);
    const next = front.members[(at + by + front.members.length) % front.members.length];
    history.replaceState(null, "", `#${this.anchor(next.rank)}`);
    this.open(next);
  }

  key(event) {
    if (event.target.closest(".pane")) return; // arrows scroll there
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.step(by);
  }

  closed() {
    history.replaceState(null, "", location.pathname + location.search);
    document.querySelector(`.point[data-rank="${this.rank}"]`)?.focus({ preventScroll: true });
  }
}

new NetworkDialog(document.getElementById("network"));
for (const list of document.querySelectorAll("main .files")) connectFiles(list);
