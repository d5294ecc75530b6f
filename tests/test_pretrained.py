"""Trained networks are found by name, from any folder, and are what their recipes say."""

import numpy as np
import pytest

from denoiselib import _files, pretrained
from denoiselib.experiments import networks


def test_every_stored_network_has_a_name():
    files = list(_files.data("weights").iterdir())
    assert [file.stem for file in sorted(files)] == pretrained.names()


@pytest.mark.parametrize("name", pretrained.names())
def test_a_network_is_that_of_its_recipe_and_its_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net, recipe = pretrained.load(name), pretrained.recipe(name)
    assert not net.training
    stored = networks.load(_files.data("weights") / f"{name}.safetensors")
    assert type(net).__name__ == {"unet": "UNet", "plain": "PlainNet"}[recipe["net"]]
    leading = (3, 2) if net.level == "given" else (3,)
    noisy = np.random.default_rng(0).uniform(1, 2, (*leading, 128))
    np.testing.assert_array_equal(net.denoise(noisy), stored.denoise(noisy))


def test_another_name_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(ValueError, match=r"name must be one of .*'plain', .*not 'nothing'"):
        pretrained.load("nothing")


@pytest.mark.parametrize("name", pretrained.names())
def test_what_a_network_was_taught_is_known(name):
    recipe = pretrained.recipe(name)
    if "recording alone" in (recipe.get("method") or ""):
        with pytest.raises(ValueError, match="name must not be 'heart_alone"):
            pretrained.taught(name)
        return
    taught = pretrained.taught(name)
    assert taught.rate == (360 if recipe["family"] == "ecg" else None)
    assert taught.scaled_by == ("noise" if isinstance(recipe["sigma"], float) else "height")
    assert taught.noise[0] < taught.noise[1]
