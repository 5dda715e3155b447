"""Parts that trackers are put together from: motion, camera motion, association, appearance, lists of tracks."""
