// The look that Airflow's own pages have in this browser; without a choice the system's.
const chosen = localStorage.getItem("theme");
const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
document.documentElement.dataset.theme = dark ? "dark" : "light";
addEventListener("storage", (event) => { if (event.key === "theme") location.reload(); });
