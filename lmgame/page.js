(() => {
  const find = (id) => document.getElementById(id);
  const frames = [...document.querySelectorAll(".frame")], last = frames.length - 1;
  const at = find("at"), canvas = find("picture");
  const images = frames.map((frame) => frame.querySelector("img"));
  const open = new Map();  // which kinds of details the reader wants open, in every step
  let step = 0, timer = null, drawn = -1, drawing = 0;

  async function draw() {  // patch after patch, from where the canvas stands
    const turn = ++drawing, goal = step;
    let from = drawn < 0 || drawn > goal ? 0 : drawn + 1;
    for (let i = goal; i >= from; i--) if (images[i] && !images[i].matches(".patch")) { from = i; break; }
    const some = [];
    for (let i = from; i <= goal; i++) if (images[i]) some.push(images[i]);
    await Promise.all(some.map((image) => image.decode().catch(() => {})));
    if (turn !== drawing) return;  // the reader has gone on
    const pen = canvas.getContext("2d");
    for (const image of some) {
      if (!image.matches(".patch")) {
        canvas.width = image.naturalWidth;
        canvas.height = image.naturalHeight;
        canvas.style.width = image.width + "px";
      }
      pen.drawImage(image, 0, 0);
    }
    drawn = goal;
    canvas.setAttribute("aria-label", "the game after " + frames[goal].dataset.label);
  }
  function show(number, keep) {
    frames[step].hidden = true;
    step = Math.max(0, Math.min(last, Number.isInteger(number) ? number : 0));
    const frame = frames[step];
    for (const one of frame.querySelectorAll("details")) if (open.has(one.className)) one.open = open.get(one.className);
    frame.hidden = false;
    at.value = step;
    at.setAttribute("aria-valuetext", frame.dataset.label);
    find("where").textContent = step + " / " + last;
    if (!keep) try { history.replaceState(null, "", "#" + step); } catch { /* the address stays */ }
    draw();
  }
  const wanted = () => parseInt(location.hash.slice(1), 10);
  function stop() { clearInterval(timer); timer = null; find("run").textContent = "Play"; }
  const go = (number) => { stop(); show(number); };
  const keys = { ArrowLeft: () => step - 1, ArrowRight: () => step + 1, Home: () => 0, End: () => last };

  for (const frame of frames) {
    frame.hidden = true;
    frame.removeAttribute("id");  // or the browser would scroll to the step of a link
  }
  find("steps").hidden = find("stage").hidden = false;
  if (!images[0]) find("stage").hidden = true;
  at.max = last;
  find("back").onclick = () => go(step - 1);
  find("on").onclick = () => go(step + 1);
  at.oninput = () => go(Number(at.value));
  find("run").onclick = () => {
    if (timer !== null) { stop(); return; }
    if (step === last) show(0);
    find("run").textContent = "Stop";
    timer = setInterval(() => { if (step === last) stop(); else show(step + 1); }, 700);
  };
  document.addEventListener("keydown", (event) => {
    if (event.target === at || event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
    event.preventDefault();
    go(keys[event.key]());
  });
  document.addEventListener("click", (event) => {
    const summary = event.target.closest("summary");
    if (summary) open.set(summary.parentNode.className, !summary.parentNode.open);
  });
  addEventListener("hashchange", () => { stop(); show(wanted(), true); });
  show(wanted() || 0, true);
  if (location.hash) scrollTo(0, 0);
})();
