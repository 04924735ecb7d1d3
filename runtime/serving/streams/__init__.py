"""From the frames of a camera or video to the results that its viewers get, in order."""
