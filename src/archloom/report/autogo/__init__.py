"""Result folder of an AutoGO run."""
