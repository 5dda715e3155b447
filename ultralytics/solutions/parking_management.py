"""`ParkingManagement`: which slots of a parking lot are taken; `ParkingPtsSelection`: a window to draw slots in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.solutions.geometry import named_zones
from ultralytics.solutions.parking_slots import read_slots, write_slots
from ultralytics.solutions.solutions import BaseSolution, SolutionResults
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.display import screen_trouble
from ultralytics.utils.lazy import offer

__all__ = ["ParkingManagement", "ParkingPtsSelection"]

SLOTS_FILE = "bounding_boxes.json"
CANVAS = 1280, 720  # pixels, largest width and height of the window's picture
LINE_COLOR = "#ff2a04"
CORNERS = 4


class ParkingManagement(BaseSolution):
    """Tells the slots that have the middle of an object inside from the free ones.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `json_file`, or else zones in `region`, say where slots are.

    Attributes:
        slots: the slots, `Zone`; json: their corners, as the file has them.
        pr_info: number of slots by state.
        arc, occ: BGR of free and of taken slots.

    Raises:
        ConfigValueError: no slots, or a file that has none.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.json_file = self.CFG["json_file"]
        if self.json_file is not None:
            self.slots = read_slots(self.json_file)
        elif self.region is not None:
            self.slots = list(named_zones(self.region).values())
        else:
            raise ConfigValueError(
                "parking needs to know where the slots are: json_file='slots.json', or zones in region. "
                "ultralytics.solutions.parking_slots writes such files."
            )
        self.json = [{"points": [list(point) for point in slot.points]} for slot in self.slots]
        self.pr_info = {"Occupancy": 0, "Available": len(self.slots)}
        self.arc, self.occ, self.dc = (0, 200, 0), (0, 0, 255), (255, 0, 189)

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Look at the slots in a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `filled_slots`, `available_slots` and `total_tracks`.
        """
        self.check_region(im0, [point for slot in self.slots for point in slot.points])
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        middles = []
        for box, cls in zip(self.boxes, self.clss, strict=True):
            x1, y1, x2, y2 = (float(v) for v in self.get_enclosing_box(box))
            middles.append(((x1 + x2) / 2, (y1 + y2) / 2, cls))
        inside = [[cls for x, y, cls in middles if slot.contains((x, y))] for slot in self.slots]
        filled = sum(map(bool, inside))
        # Taken slots last: of a border that two share, they have it.
        for slot, taken in sorted(zip(self.slots, inside, strict=True), key=lambda pair: bool(pair[1])):
            annotator.draw_region(slot.points, self.occ if taken else self.arc, annotator.lw)
            if taken and self.show_labels:
                annotator.display_objects_labels(
                    im0, self.name_of(taken[0]), (104, 31, 17), (255, 255, 255), *slot.centroid, 2 * annotator.lw
                )
        for x, y, _ in middles:
            annotator.trail([(x, y)], self.dc)
        self.pr_info = {"Occupancy": filled, "Available": len(self.slots) - filled}
        plot_im = annotator.result()
        annotator.display_analytics(plot_im, self.pr_info, (104, 31, 17), (255, 255, 255))
        self.display_output(plot_im)
        return SolutionResults(
            plot_im=plot_im,
            filled_slots=filled,
            available_slots=self.pr_info["Available"],
            total_tracks=len(self.track_ids),
        )


class ParkingPtsSelection:
    """A window in which slots are drawn onto a picture by four clicks each, and written to `bounding_boxes.json`.

    Without a display, `ultralytics.solutions.parking_slots` writes such files: `write_slots(path, slot_grid(...))`.

    Raises:
        RuntimeError: no window can be opened here.
        ImportError: this Python has no Tk.
    """

    def __init__(self) -> None:
        if trouble := screen_trouble():
            raise RuntimeError(
                f"slots cannot be drawn here: {trouble}. Write them by "
                "ultralytics.solutions.parking_slots.write_slots(path, slot_grid(corners, rows, columns))."
            )
        self.tk = require("tkinter", why="the window for parking slots")
        self.initialize_properties()
        self.master = self._window()
        self.master.mainloop()

    def _window(self) -> Any:
        """Return a window of a row of buttons and a canvas below them."""
        window = self.tk.Tk()
        window.title("Parking slots")
        buttons = self.tk.Frame(window)
        for place, (text, action) in enumerate(
            (("Open picture", self.upload_image), ("Undo", self.remove_last_bounding_box), ("Save", self.save_to_json))
        ):
            self.tk.Button(buttons, text=text, command=action).grid(row=0, column=place)
        self.canvas = self.tk.Canvas(window)
        buttons.pack()
        self.canvas.pack()
        return window

    def initialize_properties(self) -> None:
        """Have no picture and no slots."""
        self.canvas_image: Any = None
        self.rg_data: list[list[tuple[int, int]]] = []
        self.current_box: list[tuple[int, int]] = []
        self.scale = 1.0

    def upload_image(self) -> None:
        """Ask for a picture and show it, smaller where it is larger than the window may be."""
        from tkinter import filedialog

        from PIL import Image, ImageTk

        name = filedialog.askopenfilename(filetypes=[("Pictures", "*.png *.jpg *.jpeg *.bmp *.webp")])
        if not name:
            return
        with Image.open(name) as picture:
            shown = picture.convert("RGB")
        self.initialize_properties()
        width = shown.width
        shown.thumbnail(CANVAS)
        self.scale = width / shown.width
        self.canvas_image = ImageTk.PhotoImage(shown)
        self.canvas.config(width=shown.width, height=shown.height)
        self.canvas.bind("<Button-1>", self.on_canvas_click)
        self.redraw_canvas()

    def on_canvas_click(self, event: Any) -> None:
        """Take a corner; four make a slot."""
        self.current_box.append((event.x, event.y))
        if len(self.current_box) < CORNERS:
            self.canvas.create_text(event.x, event.y, text="+", fill=LINE_COLOR)
            return
        self.rg_data.append(self.current_box)
        self.current_box = []
        self.redraw_canvas()

    def draw_box(self, box: list[tuple[int, int]]) -> None:
        """Draw the border of a slot, corners in pixels of the window."""
        self.canvas.create_polygon(*box, outline=LINE_COLOR, fill="", width=2)

    def remove_last_bounding_box(self) -> None:
        """Take back the corners of a slot that is not complete, else the last slot."""
        if self.current_box:
            self.current_box = []
        elif self.rg_data:
            del self.rg_data[-1]
        self.redraw_canvas()

    def redraw_canvas(self) -> None:
        """Draw picture and slots anew."""
        self.canvas.delete("all")
        if self.canvas_image is not None:
            self.canvas.create_image(0, 0, anchor="nw", image=self.canvas_image)
        for slot in self.rg_data:
            self.draw_box(slot)

    def save_to_json(self) -> None:
        """Write the slots, in pixels of the picture, and say so."""
        from tkinter import messagebox

        try:
            path = write_slots(SLOTS_FILE, (np.array(slot) * self.scale for slot in self.rg_data))
        except (OSError, ValueError) as error:
            messagebox.showerror("Not saved", str(error))
        else:
            messagebox.showinfo("Saved", f"{len(self.rg_data)} slots are in {path.resolve()}.")


__getattr__, __dir__ = offer(__name__)
