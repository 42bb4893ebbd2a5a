"""The command line as a module, for launchers: ``accelerate launch ... -m mlc_data align RUN``."""

from mlc_data.cli.main import main

if __name__ == "__main__":
    main()
