"use strict";
// Show values at a time, and zoom the time axis. The page is complete without this script.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { total, epoch, height, panels, units } = data;
  const wide = { left: data.left, width: data.width, right: data.right };
  const narrow = { left: 72, width: 292, right: 16 };
  const isNarrow = matchMedia("screen and (max-width: 640px)");
  let { left, width } = wide;
  const bar = document.getElementById("bar");
  const now = document.getElementById("now");
  const reset = document.getElementById("reset");
  const axis = document.getElementById("axis");
  const unit = document.getElementById("unit");
  [axis.value, unit.value] = [data.axis, data.unit];
  unit.disabled = unit.options.length < 2;
  const grouped = new Intl.NumberFormat("en-US");
  let begin = 0, end = total, at = null;

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(parent.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return parent.appendChild(made);
  };

  // The last index with time <= t; -1 before the first.
  const before = (times, t) => {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  // Interpolate linearly between the points (from[i], to[i]) of a table of units.
  const between = (from, to, at) => {
    const i = Math.min(Math.max(before(from, at), 0), from.length - 2);
    return to[i] + (at - from[i]) / (from[i + 1] - from[i]) * (to[i + 1] - to[i]);
  };
  const passed = (t, name = unit.value) => between(units[name].t, units[name].v, t);
  const updateOf = (amount) => between(units[unit.value].v, units[unit.value].t, amount);

  // Convert an update to its position on the time axis in pixels, and back.
  let ends = [0, 1];
  const x = (t) => (passed(t) - ends[0]) / (ends[1] - ends[0]) * width;
  const timeAt = (px) => Math.min(Math.max(updateOf(ends[0] + px / width * (ends[1] - ends[0])), begin), end);

  const views = panels.map((panel, index) => {
    const section = document.querySelector(`[data-panel="${index}"]`);
    const svg = section.querySelector("svg.ps");
    const plot = svg.querySelector(".ps-data");
    const curves = panel.curves.map((curve, i) => ({
      held: curve.held,
      times: curve.t ?? Array.from(curve.v, (_, t) => t),
      values: curve.v.map(Number),
      path: plot.querySelector(`[data-curve="${i}"]`),
      cell: section.querySelector(`td[data-curve="${i}"]`),
    }));
    return { section, svg, plot, curves, scales: panel.scales, asks: panel.asks,
      time: svg.querySelector(".ps-time"), levels: svg.querySelector(".ps-values"),
      brush: element("rect", { class: "brush", y: 0, height, width: 0 }, plot),
      cross: element("path", { class: "cross", d: `M0 0V${height}`, visibility: "hidden" }, plot) };
  });

  // The height of a value in a panel, from the top; NaN if its axis cannot show it.
  const heightOn = (scale) => {
    const along = scale.log ? Math.log10 : (value) => value / 2;
    const low = along(scale.low), high = along(scale.high);
    return (value) => (1 - Math.min(1, Math.max(0, (along(value) - low) / (high - low)))) * height;
  };
  const scaleOf = ({ scales, asks }) =>
    scales[{ auto: asks, linear: 0, log: 1 }[axis.value]] ?? scales[0];

  const outline = ({ times, values, held }, y) => {
    const steps = width / (end - begin) >= 5;
    const first = Math.max(before(times, begin), 0);
    const last = Math.min(before(times, end) + 1, times.length - 1);
    let d = "", drawn = false;
    for (let i = first; i <= last; i++) {
      const level = y(values[i]);
      if (Number.isNaN(level)) { drawn = false; continue; }
      const place = x(times[i]), px = place.toFixed(1), py = level.toFixed(1);
      if (!drawn) d += `M${px} ${py}`;
      else if (times[i] - times[i - 1] === 1 && place - x(times[i - 1]) >= 5) d += `H${px}V${py}`;
      else d += `L${px} ${py}`;
      const over = i === times.length - 1 || Number.isNaN(y(values[i + 1]));
      if (over && (steps || held)) d += `H${x(times[i] + 1).toFixed(1)}`;
      drawn = true;
    }
    return d;
  };

  // Return round times in the window, as updates, and the end of the run.
  const ticks = () => {
    const most = Math.max(Math.floor(width / 110), 3);
    const [from, to] = [passed(begin), passed(end)];
    const times = [];
    const whole = unit.value === "updates";
    const size = whole && epoch && end - begin >= 2 * epoch ? epoch : 1;
    const least = Math.max((to - from) / size / most, whole ? 1 : 0);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = size * [1, 2, 5, 10].map((digit) => digit * power).find((s) => s >= least * (1 - 1e-9));
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to; k++) times.push(updateOf(k * step));
    const gap = 0.6 * step / (to - from) * width;
    if (end === total) {
      if (times.length && width - x(times[times.length - 1]) < gap) times.pop();
      times.push(total);
    }
    return times;
  };

  // Format a time in a unit.
  const words = (name, amount) => {
    if (name === "updates") return amount >= 100 || Math.abs(amount - Math.round(amount)) < 0.05 ?
      grouped.format(Math.round(amount)) : String(Number(amount.toPrecision(3)));
    if (name === "epochs") return amount >= 1000 ? grouped.format(Math.round(amount)) :
      String(Number(amount.toPrecision(amount < 10 ? 3 : 4)));
    const rounded = Number(amount.toPrecision(3)); // so that the suffix is that of the rounded amount
    for (const [size, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
      if (rounded >= size) return Number((rounded / size).toPrecision(3)) + letter;
    return String(rounded);
  };

  // Lay out the plots for the window: text keeps its size, and the plot fills the remaining width.
  const fit = () => {
    const sheet = isNarrow.matches ? narrow : wide;
    const room = views[0].section.clientWidth; // 0 while the page is hidden
    left = sheet.left;
    width = room ? Math.max(Math.round(room) - sheet.left - sheet.right, 160) : sheet.width;
    for (const { svg, plot } of views) {
      const [top, below] = [plot.viewBox.baseVal.y, plot.viewBox.baseVal.height];
      svg.setAttribute("viewBox", `0 0 ${left + width + sheet.right} ${svg.viewBox.baseVal.height}`);
      svg.classList.add("fitted");
      plot.parentNode.setAttribute("transform", `translate(${left} 10)`);
      plot.setAttribute("width", width);
      plot.setAttribute("viewBox", `0 ${top} ${width} ${below}`);
    }
    draw();
  };

  const draw = () => {
    ends = [passed(begin), passed(end)];
    const times = ticks();
    const second = unit.value === "updates" ? data.second : "updates";
    for (const view of views) {
      const scale = scaleOf(view), y = heightOn(scale);
      view.levels.replaceChildren();
      for (const [value, label] of scale.ticks) {
        element("path", { class: "ps-grid", style: "stroke-width:1", d: `M0 ${y(value)}H${width}` }, view.levels);
        element("text", { class: "ps-dim ps-y", x: -8, y: y(value) + 4 }, view.levels).textContent = label;
      }
      for (const note of view.section.querySelectorAll('[data-axis="log"]')) note.hidden = axis.value !== "log";
      for (const curve of view.curves) curve.path.setAttribute("d", outline(curve, y));
      for (const mark of view.plot.querySelectorAll("[data-t]")) {
        const left = x(Number(mark.dataset.t));
        if (mark.dataset.to) {
          mark.setAttribute("x", left);
          mark.setAttribute("width", Math.max(x(Number(mark.dataset.to)) - left, 1.5));
          continue;
        }
        const level = mark.dataset.v === undefined ? 0 : y(Number(mark.dataset.v));
        mark.setAttribute("visibility", Number.isNaN(level) ? "hidden" : "visible");
        mark.setAttribute("transform", `translate(${left} ${Number.isNaN(level) ? 0 : level})`);
      }
      view.svg.querySelector('[data-row="unit"]').textContent = unit.value;
      view.svg.querySelector('[data-row="second"]').textContent = second;
      view.time.replaceChildren();
      for (const t of times) {
        element("path", { class: "ps-grid", style: "stroke-width:1", d: `M${x(t)} ${height}v5` }, view.time);
        const written = words(unit.value, passed(t));
        const aside = Math.max(x(t), written.length * 3.5 - 12); // not over the unit, left of the axis
        element("text", { class: "ps-dim ps-x", x: aside, y: height + 20 }, view.time).textContent = written;
        if (second) {
          const beside = words(second, passed(t, second));
          element("text", { class: "ps-dim ps-x", x: Math.max(x(t), beside.length * 3.5 - 12), y: height + 35 },
            view.time).textContent = beside;
        }
      }
    }
    reset.hidden = begin === 0 && end === total;
    point(at);
  };

  // Values have six digits, and their tooltip all digits. A value between two known ones has ≈.
  const sixDigits = (text) => (text.length > 9 && Number.isFinite(Number(text)) ? String(Number(Number(text).toPrecision(6))) : text);
  const value = ({ times, values, held }, t) => {
    const i = before(times, t);
    if (i < 0 || (i === times.length - 1 && t > times[i])) return "–";
    const exact = times[i] === t || (values[i] === values[i + 1] && held);
    if (exact) return Number.isNaN(values[i]) ? "nan" : String(values[i]);
    const share = (t - times[i]) / (times[i + 1] - times[i]);
    const between = values[i] + (values[i + 1] - values[i]) * share;
    return Number.isNaN(between) ? "–" : `≈ ${Number(between.toPrecision(4))}`;
  };

  const point = (t) => {
    at = t === null ? null : Math.min(Math.max(t, 0), data.last);
    const shown = ["epochs", data.second, unit.value].filter((name, i, all) => name in units && name !== "updates" && all.indexOf(name) === i);
    now.classList.toggle("dim", at === null);
    now.textContent = at === null ? now.dataset[matchMedia("(hover: none)").matches ? "tap" : "hint"] : [`t = ${grouped.format(at)}`, ...shown.map((name) => name === "epochs" ?
      `epoch ${passed(at, name).toFixed(2)}` : `${grouped.format(Math.round(passed(at, name)))} ${name}`)].join(" · ");
    for (const view of views) {
      view.cross.setAttribute("visibility", at === null ? "hidden" : "visible");
      if (at !== null) view.cross.setAttribute("transform", `translate(${x(at)} 0)`);
      for (const curve of view.curves) {
        if (!curve.cell) continue;
        curve.cell.title = at === null ? "" : value(curve, at);
        curve.cell.textContent = sixDigits(curve.cell.title);
      }
    }
  };

  const zoom = (from, to) => {
    const size = Math.min(Math.max(to - from, Math.min(10, total)), total);
    begin = Math.round(Math.min(Math.max(from, 0), total - size));
    end = Math.round(begin + size);
    draw();
  };

  // Among the updates in one pixel, choose one whose value is known exactly.
  const known = [...new Set(views.flatMap((v) => v.curves.flatMap((c) => c.times)))].sort((a, b) => a - b);
  const nearest = (t) => {
    const i = before(known, t);
    const near = [known[i], known[i + 1]].filter((k) => k !== undefined)
      .sort((a, b) => Math.abs(a - t) - Math.abs(b - t))[0];
    return near !== undefined && Math.abs(x(near) - x(t)) <= 2 ? near : Math.floor(t);
  };

  for (const view of views) {
    let pressed = null;
    const time = (event) => {
      const box = view.svg.getBoundingClientRect();
      return timeAt((event.clientX - box.left) / box.width * view.svg.viewBox.baseVal.width - left);
    };
    view.svg.addEventListener("pointermove", (event) => {
      const t = time(event);
      point(nearest(t));
      if (pressed === null) return;
      view.brush.setAttribute("x", x(Math.min(pressed, t)));
      view.brush.setAttribute("width", Math.abs(x(t) - x(pressed)));
    });
    view.svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse") point(nearest(time(event))); // a tap moves no pointer
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      pressed = time(event);
      view.svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    view.svg.addEventListener("pointerup", (event) => {
      if (pressed === null) return;
      const t = time(event), from = pressed;
      pressed = null;
      view.brush.setAttribute("width", 0);
      if (Math.abs(x(t) - x(from)) > 4) zoom(Math.min(from, t), Math.max(from, t));
    });
    view.svg.addEventListener("dblclick", () => zoom(0, total));
    view.svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls as usual
      event.preventDefault();
      const t = time(event), factor = event.deltaY > 0 ? 1.25 : 0.8;
      zoom(t - (t - begin) * factor, t + (end - t) * factor);
    }, { passive: false });
    view.section.tabIndex = 0;
    view.section.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") zoom(0, total);
      if (!by) return;
      event.preventDefault();
      point((at ?? begin) + by * (event.shiftKey ? Math.max(Math.round((end - begin) / 50), 1) : 1));
    });
  }
  reset.addEventListener("click", () => zoom(0, total));
  for (const choice of [axis, unit]) choice.addEventListener("change", draw);
  bar.hidden = false;
  let fittedTo = null;
  const fitAnew = () => {
    if (views[0].section.clientWidth === fittedTo) return;
    fittedTo = views[0].section.clientWidth;
    fit();
  };
  // In the next frame, because browsers report an error if a size changes while sizes are observed.
  new ResizeObserver(() => requestAnimationFrame(fitAnew)).observe(document.body);
  // Links into the run: #t=1234 shows the values there, #zoom=1000-2000 shows these updates.
  // #unit=tokens and #axis=log choose axes.
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.get("unit") in units) unit.value = asked.get("unit");
  if (["auto", "linear", "log"].includes(asked.get("axis"))) axis.value = asked.get("axis");
  draw();
  const range = /^(\d+)-(\d+)$/.exec(asked.get("zoom") ?? "");
  if (range) zoom(Number(range[1]), Number(range[2]));
  if (/^\d+$/.test(asked.get("t") ?? "")) point(Number(asked.get("t")));
})();
