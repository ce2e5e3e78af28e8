// Sent with each page while the book is served: reloads it, or shows what is wrong with the sources.
(() => {
  let known = KNOWN;
  const show = () => {
    document.getElementById("book-mistakes")?.remove();
    if (known.mistakes === null) return;
    const box = document.createElement("pre");
    box.id = "book-mistakes";
    box.setAttribute("role", "alert");
    box.textContent = known.mistakes;
    box.style.cssText = "position:fixed;inset:auto 0 0 0;max-height:60vh;overflow:auto;margin:0;padding:1em;" +
      "z-index:1000;background:#7f1d1d;color:#fff;white-space:pre-wrap;font:14px/1.5 monospace";
    document.body.append(box);
  };
  const wait = async () => {
    try {
      const news = await (await fetch("NEWS?seen=" + known.build)).json();
      if (news.build !== known.build) {
        if (news.mistakes === null) return location.reload();
        known = news;
        show();
      }
      wait();
    } catch {
      setTimeout(wait, 1000); // the server is gone or starts again
    }
  };
  show();
  wait();
})();
