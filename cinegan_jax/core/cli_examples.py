"""Examples in the help of the commands, by the words that name the command."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "apply": (
        "cinegan apply IMG_1234.jpg",
        "cinegan apply holiday -o developed --recursive --look velvia --strength 0.7 --grain",
        "cinegan apply *.NEF -o out --look velvia --look cinema --format tiff",
        "cinegan apply holiday -o small --resize 2048 --name {stem}-{look} --quality 85",
        "cinegan apply IMG_5678.jpg --preset IMG_1234_velvia.jpg",
        "cat a.jpg | cinegan apply - -o - > b.jpg",
    ),
    "serve": ("cinegan serve --open", "cinegan serve --port 8000"),
    "looks": (
        "cinegan looks",
        "cinegan looks velvia",
        "cinegan looks --sheet IMG_1234.jpg -o sheet.png",
    ),
    "lut": (
        "cinegan lut --look velvia -o velvia.cube",
        "cinegan lut --look velvia -o velvia.png",
        "cinegan lut --look velvia --photos holiday --size 65",
    ),
    "export": (
        "cinegan export --look velvia --format onnx",
        "cinegan export --look runs/mine --format safetensors -o mine.safetensors",
    ),
    "collect list": (
        "cinegan collect list shells https://museum.example/shells/ --contact me@example.org",
    ),
    "collect download": ("cinegan collect download shells --contact me@example.org",),
    "collect clean": ("cinegan collect clean shells --least-side 256",),
    "prepare": (
        "cinegan prepare PHOTOS my_data --look velvia --size 256",
        "cinegan prepare PAIRS my_data --size 256",
        "cinegan prepare IMAGES my_data --images --size 64",
    ),
    "convert vgg19": ("cinegan convert vgg19 --download",),
    "convert inception": ("cinegan convert inception inception.pth",),
    "convert lpips": ("cinegan convert lpips alexnet.pth lpips_alex.safetensors --net alex",),
    "convert cinegan": ("cinegan convert cinegan generator.keras -o cinegan.safetensors",),
    "train": (
        "cinegan train --config film --workdir runs/mine --set data.path=my_data",
        "cinegan train --config dcgan_64 --workdir runs/shapes",
    ),
    "preflight": (
        "cinegan preflight --config film",
        "cinegan preflight --config tpu_v3_8 --topology v3:2x2",
    ),
    "evaluate": ("cinegan evaluate runs/mine",),
    "compare": ("cinegan compare runs/mine runs/other",),
    "report": ("cinegan report runs/mine",),
    "sample": ("cinegan sample runs/shapes --grid 8x8",),
}


def examples_of(command: str) -> str:
    """Return the examples of a command as Markdown."""
    return "\n\n".join(["Examples:", *(f"- `{line}`" for line in EXAMPLES[command])])
