// For browsers without modules: a still picture and a sentence.
(function () {
  var name = /[?&]src=([^&]*)/.exec(location.search);
  var text = document.createElement("p");
  text.appendChild(document.createTextNode("This browser is too old for this page. Update it, or look at single pictures:"));
  document.body.appendChild(text);
  var link = document.createElement("a");
  link.href = "api/frame.jpeg?src=" + (name ? name[1] : "");
  link.appendChild(document.createTextNode(name ? decodeURIComponent(name[1]) : "api/frame.jpeg?src=NAME"));
  document.body.appendChild(link);
})();
