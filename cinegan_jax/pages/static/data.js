// Data that Python wrote into the page for its scripts.

export const data = JSON.parse(document.getElementById("data").textContent);
