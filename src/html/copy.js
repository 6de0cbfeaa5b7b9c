"use strict";
/* Frames get the height of what is in them. */
(function () {
	function fit(frame) {
		var page = frame.contentDocument;

		if (page && page.body) {
			frame.style.height = "0";
			frame.style.height = Math.max(page.documentElement.scrollHeight, page.body.scrollHeight) + 1 + "px";
		}
	}
	function fitAll() {
		document.querySelectorAll("iframe").forEach(fit);
	}
	document.querySelectorAll("iframe").forEach(function (frame) {
		frame.addEventListener("load", function () { fit(frame); });
		fit(frame);
	});
	addEventListener("load", fitAll);
	addEventListener("resize", fitAll);
	addEventListener("beforeprint", fitAll);
})();
