import pytest

from runner.documented import alike, misspelt, remarks

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"


@pytest.mark.parametrize(
    ("model", "params", "said"),
    [
        (SDXL, {"seed": 7}, [f"{SDXL} is documented not to take 'seed'"]),
        (SDXL, {"num_steps": 25, "negative_prompt": None}, []),
        ("flux.1-Schnell", {"negative_prompt": None}, ["negative_prompt"]),
        ("ByteDance/Seedream-3.0", {"num_steps": 9, "seed": 1, "width": 9}, ["num_steps", "seed"]),
        ("black-forest-labs/FLUX.1-Fill-dev", {"width": 1000, "height": 1024}, ["width divisible by 16"]),
        ("black-forest-labs/FLUX.1-Fill-dev", {"width": "wide"}, []),
        ("another", {"seed": 7}, []),
        ("another", {"num_step": 7, "guidence_scale": 1}, ["did you mean 'num_steps'", "'guidance_scale'"]),
        ("another", {"scheduler": "DDIM", "Width": 64}, []),
    ],
)
def test_what_a_model_is_documented_not_to_take(model, params, said):
    found = list(remarks(model, params))
    assert len(found) == len(said)
    assert all(words in remark for words, remark in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("stabilityai/stable-difusion-xl-base-1.0", SDXL),
        ("FLUX.1-schnel", "FLUX.1-schnell"),
        (SDXL.upper(), None),
        ("Seedream-4.0", None),
        ("FLUX.1-dev", None),
        ("gpt-5", None),
    ],
)
def test_a_slip_of_the_pen_is_told_from_another_model(model, meant):
    assert misspelt(model) == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gpt-4o-mnii", "gpt-4o-mini"), ("gpt-4o-mini", None), ("gpt-5o-mini", None), ("claude", None)],
)
def test_the_known_name_that_is_meant(name, meant):
    assert alike(name, ["gpt-4o", "gpt-4o-mini", "gpt-4o-audio-preview"]) == meant
