"use strict";
// The reader's choice of colour scheme, before anything is drawn; "system" where none was made.
const theme = {
  key: "archloom-theme",
  system: matchMedia("(prefers-color-scheme: dark)"),
  read() {
    try { return localStorage.getItem(this.key); } catch { return null; }
  },
  write(value) {
    try { localStorage.setItem(this.key, value); } catch { /* not remembered, still applied */ }
  },
  get isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.system.matches;
  },
  apply(value) {
    if (value === "dark" || value === "light") document.documentElement.dataset.theme = value;
  },
};
theme.apply(theme.read());
