"use strict";
// Values at a time, and zoom along the time axis. The picture is complete without this script.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { total, epoch, height, panels } = data;
  const wide = { left: data.left, width: data.width, right: data.right };
  const narrow = { left: 72, width: 292, right: 16 };
  const isNarrow = matchMedia("screen and (max-width: 640px)");
  let { left, width } = wide;
  const bar = document.getElementById("bar");
  const now = document.getElementById("now");
  const reset = document.getElementById("reset");
  const axis = document.getElementById("axis");
  axis.value = data.axis;
  const grouped = new Intl.NumberFormat("en-US");
  const short = (x) => String(Number(x.toPrecision(4)));
  let begin = 0, end = total, at = null;

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(parent.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return parent.appendChild(made);
  };
  const x = (t) => (t - begin) / (end - begin) * width;

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

  // The height of a value in a panel, from the top; nan where its axis has no place for it.
  const heightOn = (scale) => {
    const along = scale.log ? Math.log10 : (value) => value / 2;
    const low = along(scale.low), high = along(scale.high);
    return (value) => (1 - Math.min(1, Math.max(0, (along(value) - low) / (high - low)))) * height;
  };
  const scaleOf = ({ scales, asks }) =>
    scales[{ auto: asks, linear: 0, log: 1 }[axis.value]] ?? scales[0];

  // The last index whose time is not after t; -1 before the first.
  const before = (times, t) => {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle + 1; else high = middle;
    }
    return low - 1;
  };

  const outline = ({ times, values, held }, y) => {
    const steps = width / (end - begin) >= 5;
    const first = Math.max(before(times, begin), 0);
    const last = Math.min(before(times, end) + 1, times.length - 1);
    let d = "", drawn = false;
    for (let i = first; i <= last; i++) {
      const level = y(values[i]);
      if (Number.isNaN(level)) { drawn = false; continue; }
      const px = x(times[i]).toFixed(1), py = level.toFixed(1);
      if (!drawn) d += `M${px} ${py}`;
      else if (steps && times[i] - times[i - 1] === 1) d += `H${px}V${py}`;
      else d += `L${px} ${py}`;
      const over = i === times.length - 1 || Number.isNaN(y(values[i + 1]));
      if (over && (steps || held)) d += `H${x(times[i] + 1).toFixed(1)}`;
      drawn = true;
    }
    return d;
  };

  const ticks = () => {
    const unit = epoch && end - begin >= 2 * epoch ? epoch : 1;
    const least = Math.max((end - begin) / unit / Math.max(Math.floor(width / 110), 3), 1);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = unit * [1, 2, 5, 10].map((digit) => digit * power).find((s) => s >= least * (1 - 1e-9));
    const times = [];
    for (let t = Math.ceil(begin / step) * step; t <= end; t += step) times.push(t);
    if (end === total) {
      if (times.length && total - times[times.length - 1] < 0.6 * step) times.pop();
      times.push(total);
    }
    return times;
  };

  // Lay the plots out for the window: text keeps its size, the plot gets the room.
  const fit = () => {
    const sheet = isNarrow.matches ? narrow : wide;
    const room = views[0].section.clientWidth; // 0 where the page is not shown yet
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
    const times = ticks();
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
      view.time.replaceChildren();
      for (const t of times) {
        element("path", { class: "ps-grid", style: "stroke-width:1", d: `M${x(t)} ${height}v5` }, view.time);
        const written = grouped.format(t);
        const aside = Math.max(x(t), written.length * 3.5 - 12); // not over the unit, left of the axis
        element("text", { class: "ps-dim ps-x", x: aside, y: height + 20 }, view.time).textContent = written;
        if (epoch) {
          const epochs = short(t / epoch);
          element("text", { class: "ps-dim ps-x", x: Math.max(x(t), epochs.length * 3.5 - 12), y: height + 35 },
            view.time).textContent = epochs;
        }
      }
    }
    reset.hidden = begin === 0 && end === total;
    point(at);
  };

  // Six digits tell values apart; the text that appears over them has all. One between two known values has ≈.
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
    at = t === null ? null : Math.min(Math.max(t, 0), total - 1);
    now.textContent = at === null ? "" :
      `t = ${grouped.format(at)}${epoch ? ` · epoch ${(at / epoch).toFixed(2)}` : ""}`;
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

  // Of the updates under one pixel, the one whose value is known exactly.
  const known = [...new Set(views.flatMap((v) => v.curves.flatMap((c) => c.times)))].sort((a, b) => a - b);
  const nearest = (t) => {
    const i = before(known, t);
    const near = [known[i], known[i + 1]].filter((k) => k !== undefined)
      .sort((a, b) => Math.abs(a - t) - Math.abs(b - t))[0];
    return near !== undefined && Math.abs(near - t) <= 2 * (end - begin) / width ? near : Math.floor(t);
  };

  for (const view of views) {
    let pressed = null;
    const time = (event) => {
      const box = view.svg.getBoundingClientRect();
      const shown = (event.clientX - box.left) / box.width * view.svg.viewBox.baseVal.width - left;
      return Math.min(Math.max(begin + shown / width * (end - begin), begin), end);
    };
    view.svg.addEventListener("pointermove", (event) => {
      const t = time(event);
      point(nearest(t));
      if (pressed === null) return;
      view.brush.setAttribute("x", x(Math.min(pressed, t)));
      view.brush.setAttribute("width", Math.abs(x(t) - x(pressed)));
    });
    view.svg.addEventListener("pointerdown", (event) => {
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
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls as anywhere else
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
  axis.addEventListener("change", draw);
  bar.hidden = false;
  let fittedTo = null;
  new ResizeObserver(() => {
    if (views[0].section.clientWidth === fittedTo) return;
    fittedTo = views[0].section.clientWidth;
    fit();
  }).observe(document.body);
  // A link to a place in the run: #t=1234 reads there, #zoom=1000-2000 shows these updates.
  const asked = new URLSearchParams(location.hash.slice(1));
  const range = /^(\d+)-(\d+)$/.exec(asked.get("zoom") ?? "");
  if (range) zoom(Number(range[1]), Number(range[2]));
  if (/^\d+$/.test(asked.get("t") ?? "")) point(Number(asked.get("t")));
})();
