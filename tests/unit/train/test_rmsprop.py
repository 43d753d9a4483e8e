import torch

from archloom.train.rmsprop import DECAY, EPSILON, CentredRMSprop


def steps(gradients, momentum=0.9, rate=0.1, start=1.0):
    """Weights after each of the scalar gradients."""
    weight = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimiser = CentredRMSprop([weight], lr=rate, momentum=momentum)
    found = []
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
        found.append(weight.item())
    return found


def test_steps_follow_the_formula_of_tensorflow():
    weight, mean, square, velocity = 1.0, 0.0, 0.0, 0.0
    wanted = []
    for gradient in (gradients := [0.5, -0.2, 0.3, 1e-4]):
        mean = DECAY * mean + (1 - DECAY) * gradient
        square = DECAY * square + (1 - DECAY) * gradient**2
        velocity = 0.9 * velocity + 0.1 * gradient / (square - mean**2 + EPSILON) ** 0.5
        weight -= velocity
        wanted.append(weight)
    torch.testing.assert_close(steps(gradients), wanted)


def test_a_constant_gradient_gives_finite_steps():
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 1001))
    optimiser = CentredRMSprop([weight], lr=1e-3)
    gradient = 1e-3 * weight.detach()
    for _ in range(300):
        weight.grad = gradient.clone()
        optimiser.step()
    assert weight.isfinite().all()


def test_weights_decay_by_their_group_and_parameters_without_gradient_stay():
    kernel, bias, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    groups = [{"params": [kernel], "weight_decay": 0.1}, {"params": [bias, unused]}]
    optimiser = CentredRMSprop(groups, lr=0.1)
    kernel.grad, bias.grad = torch.zeros(2), torch.zeros(2)
    optimiser.step()
    assert (kernel < 1).all() and (bias == 1).all() and (unused == 1).all()
    assert unused not in optimiser.state
