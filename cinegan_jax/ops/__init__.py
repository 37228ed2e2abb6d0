"""Pure array functions: image ranges, colour spaces, LUTs, blurs and augmentation."""
