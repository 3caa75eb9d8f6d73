// Airflow shows these pages in a frame that may not lead its window elsewhere; a link in the window itself may.
addEventListener("click", (event) => {
  const link = event.target.closest('a[target="_top"]');
  if (!link || parent === window) return;
  event.preventDefault();
  const there = parent.document.createElement("a");
  there.href = link.href;
  parent.document.body.append(there);
  there.click();
  there.remove();
});
