"""A Wasserstein GAN: the critic steps five times for each step of the generator, whose updates the plan counts.

python examples/gan/train.py
"""

import torch
from torch import nn

import paramsched as ps

ROUNDS, CRITIC_STEPS = 200, 5

plan = ps.loads("""
total: 200
lr: constant(over="50%") >> linear()
groups:
  critic: {lr: 'constant(over="75%") >> linear()'}
""")


def main() -> None:
    """Learn a shifted normal distribution, and compare the used values with the plan."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizers = {
        "critic": torch.optim.RMSprop(critic.parameters(), lr=5e-3),
        "generator": torch.optim.RMSprop(generator.parameters(), lr=5e-3),
    }
    trace = ps.trace(plan, optimizers)
    scheduler = ps.Scheduler(optimizers, plan, drive="generator")  # the generator steps last in a round

    exact = 0
    for turn in range(ROUNDS):
        used = []
        for _ in range(CRITIC_STEPS):
            real, fake = torch.randn(64, 2) + 2, generator(torch.randn(64, 4)).detach()
            (critic(fake).mean() - critic(real).mean()).backward()
            used.append(("critic", optimizers["critic"].param_groups[0]["lr"]))
            optimizers["critic"].step()
            optimizers["critic"].zero_grad()
            with torch.no_grad():
                for weight in critic.parameters():
                    weight.clamp_(-0.1, 0.1)
        (-critic(generator(torch.randn(64, 4))).mean()).backward()
        used.append(("generator", optimizers["generator"].param_groups[0]["lr"]))
        optimizers["generator"].step()
        optimizers["generator"].zero_grad()
        exact += all(value == trace["lr", name][turn] for name, value in used)
    center = generator(torch.randn(1000, 4)).mean().item()
    print(f"center {center:.2f}, planned = used in {exact} of {scheduler.t} rounds")


if __name__ == "__main__":
    main()
