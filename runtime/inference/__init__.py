"""From a frame to a label map: preprocessing, an engine's slot, postprocessing."""
