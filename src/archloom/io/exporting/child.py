"""Runs an ONNX file in ONNX Runtime: a script of its own, since the runtime dies of some files.

Arguments: the model, a file for the outputs, and files of inputs, of which the first that can be
run is taken. Prints its position; what goes wrong is printed to the error stream, status 1.
"""

import sys


def main(model: str, target: str, *inputs: str) -> None:
    """Write the outputs to ``target``."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    for position, source in enumerate(inputs):
        with np.load(source) as stored:
            names = [one.name for one in session.get_inputs()]
            feeds = {name: stored[f"arr_{number}"] for number, name in enumerate(names)}
        try:
            found = session.run(None, feeds)
        except Exception:
            if source == inputs[-1]:
                raise
            continue
        np.savez(target, *found)
        sys.stdout.write(str(position))
        return


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.stderr.write(str(error).strip().splitlines()[0])
        sys.exit(1)
