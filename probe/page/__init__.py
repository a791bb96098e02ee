"""The device's own report: one page of HTML with pictures in SVG, made from what the history remembers. Pure."""
