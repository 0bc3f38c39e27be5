"""Demo: web. Our own small server, and a page that runs the model inside the browser; nothing is sent anywhere."""
