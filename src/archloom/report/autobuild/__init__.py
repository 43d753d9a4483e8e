"""Result folder of an AutoBuild run."""
