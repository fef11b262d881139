"""A JSON API that is nobody's: answer at once, or take a job and be asked for it until it is ready."""

import pybase64

from runner.demo.acts import Answer, refused, said
from runner.demo.images import LARGEST, SIDE, SMALLEST, links, pictures
from runner.demo.painting import Picture
from runner.demo.reading import Body, text, whole
from runner.demo.studio import Made, Order, Prediction, Visit
from runner.demo.texts import written


def generate(body: Body, visit: Visit) -> Made:
    """`POST /generate {"prompt": …}`: a text and a base64 picture in one answer."""
    prompt = text(body, "prompt")
    drawn = ordered(body, visit, prompt)

    def frame(files: list[bytes]) -> Answer:
        images = [{"base64": pybase64.b64encode_as_string(file)} for file in files]
        return said({"result": {"text": written(prompt), "images": images}})

    return Order(pictures=drawn, frame=frame)


def submit(body: Body, visit: Visit) -> Made:
    """`POST /predictions {"input": {"prompt": …}}`: taken, not done."""
    given = body.get("input")
    wish = given if isinstance(given, dict) else body
    prompt = text(wish, "prompt")
    files = tuple(links(ordered(wish, visit, prompt), visit))
    job = Prediction(model=str(body.get("model", "demo")), files=files, text=written(prompt))
    name = visit.predictions.put(f"p{visit.number}", job)
    return said({**described(name, "starting", job, visit), "output": None}, 201)


def poll(name: str, visit: Visit) -> Answer:
    """`GET /predictions/NAME`."""
    job = visit.predictions.find(name)
    if job is None:
        return refused(404, f"no prediction '{name}'", "not_found")
    job.polls += 1
    if job.polls <= visit.polls:
        return said({**described(name, "processing", job, visit), "output": None})
    ready = {"output": list(job.files), "text": job.text, "metrics": {"predict_time": 1.0}}
    return said({**described(name, "succeeded", job, visit), **ready})


def described(name: str, status: str, job: Prediction, visit: Visit) -> dict[str, object]:
    here = f"{visit.url}/predictions/{name}"
    return {"id": name, "model": job.model, "status": status, "urls": {"get": here}}


def ordered(wish: Body, visit: Visit, prompt: str) -> tuple[Picture, ...]:
    width = whole(wish, "width", SIDE, SMALLEST, LARGEST)
    height = whole(wish, "height", SIDE, SMALLEST, LARGEST)
    model = str(wish.get("model", "demo"))
    return pictures(wish, visit, model=model, prompt=prompt, width=width, height=height)
