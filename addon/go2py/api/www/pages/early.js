// A picture before any video code is loaded: the player adopts it later.
(function () {
  var names = new URLSearchParams(location.search).getAll("src");
  if (names.length !== 1) return;
  var image = new Image();
  image.alt = "";
  image.onerror = function () {
    if (image.parentNode === wall) image.remove();
  };
  var wall = document.getElementById("wall");
  wall.className = "single";
  image.src = "api/frame.jpeg?poster=1&src=" + encodeURIComponent(names[0]);
  wall.appendChild(image);
})();
