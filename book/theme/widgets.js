// Live figures. Each is a still picture until it comes near the window; then the module is loaded, once for the page, and
// draws it again whenever a control changes. Without this script, or without the module, the still picture stays.
(() => {
  "use strict";
  // A printed page shows the pictures as they are at first.
  if (location.pathname.endsWith("print.html")) return;

  // 1. The module: a script that calls `bookWidgets` with WebAssembly in base 64. A page that was opened as a file may load
  // scripts and nothing else.
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  let loading;
  const load = () => loading ??= new Promise((done, fail) => {
    window.bookWidgets = code => WebAssembly
      .instantiate(Uint8Array.from(atob(code), letter => letter.charCodeAt(0)))
      .then(({ instance }) => done(instance.exports), fail);
    const script = document.createElement("script");
    script.src = `${folder}widgets.wasm.js`;
    script.onerror = () => fail(new Error("the module is not there"));
    document.head.append(script);
  });

  // 2. Texts to and from it.
  const take = (wasm, length) =>
    new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, wasm.text(), length));
  const give = (wasm, text) => {
    const bytes = new TextEncoder().encode(text);
    const start = wasm.room(bytes.length);
    new Uint8Array(wasm.memory.buffer, start, bytes.length).set(bytes);
  };
  const number = (wasm, name) => {
    for (let i = 0; ; i++) {
      const found = take(wasm, wasm.name(i));
      if (found === name) return i;
      if (found === "") throw new Error(`the module has no widget ${name}`);
    }
  };

  // 3. One figure.
  const start = async figure => {
    const wasm = await load();
    const widget = number(wasm, figure.dataset.widget);
    const [view, controls] = [".view", ".controls"].map(part => figure.querySelector(part));
    controls.innerHTML = take(wasm, wasm.controls(widget));
    const inputs = [...controls.querySelectorAll("[data-control]")];
    const value = input => input.type !== "checkbox" ? input.value : input.checked ? "on" : "off";
    const draw = () => {
      give(wasm, inputs.map(value).join("\n"));
      const lines = take(wasm, wasm.draw(widget)).split("\n");
      view.innerHTML = lines.pop();
      inputs.forEach((input, i) => {
        const output = controls.querySelector(`output[for="${input.id}"]`);
        if (output) output.textContent = lines[i];
        if (input.type === "range") input.setAttribute("aria-valuetext", lines[i]);
      });
    };
    controls.addEventListener("input", draw);
    controls.addEventListener("click", event => {
      const button = event.target.closest("[data-by]");
      if (!button) return;
      const input = document.getElementById(button.dataset.for);
      if (button.dataset.by === "1") input.stepUp(); else input.stepDown();
      draw();
    });
    // mdBook turns pages by arrow keys and opens its contents by a swipe; neither is meant here.
    for (const kind of ["keydown", "touchstart", "touchmove", "touchend"]) {
      controls.addEventListener(kind, event => event.stopPropagation(), { passive: true });
    }
    draw();
    figure.dataset.state = "live";
  };

  const seen = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      start(target).catch(error => {
        target.dataset.state = "still";
        console.warn(`the figure ${target.dataset.widget} stays still: ${error.message}`);
      });
    }
  }, { rootMargin: "300px" });
  document.querySelectorAll(".widget").forEach(figure => seen.observe(figure));
})();
